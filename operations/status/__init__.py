"""The status of an installation at one moment, for operators."""

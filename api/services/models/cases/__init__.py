"""The named cases of models."""

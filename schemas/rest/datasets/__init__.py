"""The answers about what is expected of datasets."""

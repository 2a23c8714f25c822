"""The columns of datasets that requests are about."""

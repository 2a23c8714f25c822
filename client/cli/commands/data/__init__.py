"""Commands for the catalog and its datasets."""

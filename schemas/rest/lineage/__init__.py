"""The answers of service `lineage`."""

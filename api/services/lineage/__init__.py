"""Service `lineage`."""

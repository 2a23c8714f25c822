"""`autolearn lineage`."""

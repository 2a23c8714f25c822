"""Reports of operations."""

"""Models of the registry, and rows for those that answer."""

"""Models of the registry: their versions, and the gate of a promotion."""

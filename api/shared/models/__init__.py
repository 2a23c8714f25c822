"""Models and their versions, for several services."""

"""How datasets are read, what is odd in them, and what a new version changes."""

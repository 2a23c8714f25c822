"""The processes of an installation: their start, their confinement, and their files."""

"""Queries about what was made of what."""

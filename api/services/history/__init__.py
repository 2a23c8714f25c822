"""The routes of differences between two moments."""

"""The routes of groups."""

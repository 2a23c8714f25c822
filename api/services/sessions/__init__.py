"""The routes of sessions."""

"""The routes of the behaviour log."""

"""The routes of predictions."""

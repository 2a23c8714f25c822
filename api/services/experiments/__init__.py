"""The routes of committed sessions."""

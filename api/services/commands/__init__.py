"""The routes of commands by their id."""

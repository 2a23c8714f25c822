"""The routes of dead letters."""

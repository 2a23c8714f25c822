"""The dispatcher: it offers tasks to free workers, in fair turns between users."""

"""What was made of what: the edges between rows."""

"""What was made of what, for both clients."""

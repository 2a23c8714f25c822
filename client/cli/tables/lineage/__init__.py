"""Tables of what was made of what."""

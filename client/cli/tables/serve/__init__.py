"""Tables of what models answer."""

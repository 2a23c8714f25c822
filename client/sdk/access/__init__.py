"""How a client finds an API, and is let in."""

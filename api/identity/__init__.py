"""Who is asking: passwords, tokens, OpenID Connect, and what a principal may see."""

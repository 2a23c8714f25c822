"""Authentication and visibility: passwords, tokens, OpenID Connect."""

"""All keys and ciphers."""

"""The Python client (the Remote Proxy pattern)."""

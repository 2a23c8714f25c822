"""The ASGI layers around every request."""

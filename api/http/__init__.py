"""The vocabulary of HTTP: bodies, problems, pages, server-sent events, OpenAPI."""

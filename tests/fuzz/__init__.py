"""Property-based fuzz of the whole HTTP API, from its own OpenAPI document."""

"""The answers of service `pipelines`."""

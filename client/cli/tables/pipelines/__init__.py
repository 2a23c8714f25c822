"""Tables of pipelines."""

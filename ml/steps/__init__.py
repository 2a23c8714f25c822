"""Steps of pipelines as functions: what they may be told, and what they report."""

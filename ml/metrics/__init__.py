"""Metrics: the measures of quality of the catalog."""

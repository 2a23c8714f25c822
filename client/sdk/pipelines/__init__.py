"""Pipelines as objects."""

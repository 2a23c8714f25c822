"""Metrics of quality that a catalog offers."""

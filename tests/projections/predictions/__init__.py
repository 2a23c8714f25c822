"""Counts of predictions."""

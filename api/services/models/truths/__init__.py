"""Truths: what a model should have answered, joined with its answers."""

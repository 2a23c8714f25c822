"""Trained models as files that are safe to load."""

"""Versions of models as files that answer without AutoLearn."""

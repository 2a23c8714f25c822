"""Estimators: algorithms that a catalog offers."""

"""Estimators: the algorithms of the catalog."""

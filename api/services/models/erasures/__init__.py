"""Erases rows from the prediction log of a model."""

"""Folds the prediction log into counts by hour."""

"""Training of estimators on data."""

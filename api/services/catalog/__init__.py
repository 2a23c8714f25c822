"""The routes of estimators, metrics and datasets."""

"""The groups of entry points by which packages offer what AutoLearn can run. Loads nothing."""

from __future__ import annotations

ESTIMATORS = "autolearn.estimators"
METRICS = "autolearn.metrics"
STEPS = "autolearn.steps"

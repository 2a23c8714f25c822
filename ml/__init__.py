"""Machine learning: estimators, metrics, training, evaluation."""

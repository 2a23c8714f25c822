"""What is computed: estimators, metrics, training, evaluation."""

"""What an operator runs: backup, chain, replay, retrain, status and keys."""

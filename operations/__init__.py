"""The tools of an operator: backup, chain, replay, retrain, status and keys."""

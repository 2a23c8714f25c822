"""Clusters for tests: a real Slurm, and what speaks as Kubernetes does."""

"""Bounds on one user's or one address's share of a process."""

"""Starts workers elsewhere, as many as the waiting runs ask for, and lets them go."""

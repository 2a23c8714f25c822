"""Service `comparisons`."""

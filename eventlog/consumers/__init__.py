"""Consumers of the log: projectors, pages of events, lookups of single records."""

"""Rebuilding the state from the log, and comparing it with what is served."""

"""Turns requests into commands on the log, and waits for their answers."""

"""Rebuilds the state from the log, and compares it with the served one."""

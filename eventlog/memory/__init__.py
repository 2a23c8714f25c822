"""The log port in memory: the twin for tests."""

"""Executors of tasks: the port, and one folder for each kind."""

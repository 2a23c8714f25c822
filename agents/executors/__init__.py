"""How a task is run: the port, and one folder for each kind of executor."""

"""How a request becomes a command on the log, and waits for its answer."""

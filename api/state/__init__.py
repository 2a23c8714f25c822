"""What one API process holds: the read models that follow the log, and its own components."""

"""The state of one API process: the read models that follow the log, and its components."""

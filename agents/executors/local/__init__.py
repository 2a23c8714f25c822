"""The local executor: a process forked for each run."""

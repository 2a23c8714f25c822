"""Policies: the commands that follow from what a process sees, with ids that it derives."""

"""Does the steps of a past run of a pipeline again, and compares."""

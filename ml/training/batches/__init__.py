"""Trainings of more rows than the memory holds: a file is read in batches."""

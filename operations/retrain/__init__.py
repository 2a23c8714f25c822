"""Repeats the trainings of a past experiment, and compares."""

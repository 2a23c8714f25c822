"""Checks that find what is odd about the data of a file."""

"""Checks that find oddities in the data of a file."""

"""Readers: one for each format of file."""

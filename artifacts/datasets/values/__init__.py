"""Texts as values: numbers, times and their zones."""

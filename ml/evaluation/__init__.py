"""Evaluation of trained artifacts on data."""

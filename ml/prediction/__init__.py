"""Predictions of trained artifacts for rows."""

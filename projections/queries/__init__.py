"""Queries of the read models."""

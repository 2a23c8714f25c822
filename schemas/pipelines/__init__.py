"""Pipelines: their definitions, their steps and what these give."""

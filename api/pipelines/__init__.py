"""Drives the runs of pipelines: claims them, asks for their steps, and records what these give."""

"""Pipelines, beside Kedro in an environment of its own."""

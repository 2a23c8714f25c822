"""The steps of pipelines that are functions of a table."""

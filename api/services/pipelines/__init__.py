"""Service `pipelines`: pipelines, their versions and their runs."""

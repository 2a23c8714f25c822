"""What datasets, models and pipelines have in common: a name, an owner, grants, and an end."""

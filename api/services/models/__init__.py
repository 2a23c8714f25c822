"""Service `models`: the registry of models, and who answers."""

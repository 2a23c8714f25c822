"""The search of studies: which hyperparameters to try next, and how sure the best is."""

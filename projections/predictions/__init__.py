"""The fold of the prediction log: counts by model, version and hour."""

"""The worker: it takes tasks and posts their results."""

"""The hash chain of `events` and its signed checkpoints."""

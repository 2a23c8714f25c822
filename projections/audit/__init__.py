"""The behaviour log as a read model."""

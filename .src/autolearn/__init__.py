"""AutoLearn: a Kafka-native, event-sourced system for the life cycle of machine-learning models."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Return `__version__`, looked up when it is asked for, which takes longer than the rest."""
    if name == "__version__":
        from importlib.metadata import version

        return version("autolearn")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

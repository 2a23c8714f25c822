"""AutoLearn: a Kafka-native, event-sourced system for the life cycle of machine-learning models."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("autolearn")

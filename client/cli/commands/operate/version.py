"""`autolearn version`."""

from __future__ import annotations


def version() -> None:
    """Print the version of AutoLearn."""
    from importlib.metadata import version

    print(version("autolearn"))

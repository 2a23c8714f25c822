"""What queries have found out before and need not read again, for it never changes."""

from __future__ import annotations

from typing import TypeVar

from autolearn.schemas.values import DatasetRef

__all__ = ["MARKS_KNOWN", "Data", "ImmutableRows", "remember"]

K = TypeVar("K")
V = TypeVar("V")
Data = tuple[tuple[DatasetRef, ...], tuple[DatasetRef, ...]]
"""The datasets of an experiment's trainings, and those of its evaluations."""
KNOWN, MARKS_KNOWN = 20_000, 200
"""Things of one kind that are kept in memory, and lists of sensitive columns, which may be long."""


class ImmutableRows:
    """What is kept in memory, shared by threads.

    `data` is by experiment. `versions` are the versions of datasets, by their names and the digests
    of their contents in the artifact store; `sensitive` the sensitive columns of a dataset, by its
    name and how often they had changed.
    """

    def __init__(self) -> None:
        self.data: dict[str, Data] = {}
        self.versions: dict[tuple[str, str], str] = {}
        self.sensitive: dict[tuple[str, int], tuple[str, ...]] = {}

    def forget(self, name: str) -> None:
        """Forget an experiment or a dataset that was deleted, by its id or name."""
        self.data.pop(name, None)
        for version in [at for at in list(self.versions) if at[0] == name]:
            self.versions.pop(version, None)
        for mark in [at for at in list(self.sensitive) if at[0] == name]:
            self.sensitive.pop(mark, None)


def remember(known: dict[K, V], at: K, value: V, most: int = KNOWN) -> V:
    """Keep a value, and return it. What is too much is forgotten: it can be found out again."""
    if len(known) >= most:
        known.clear()
    known[at] = value
    return value

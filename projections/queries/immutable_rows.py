"""A cache of rows that never change."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from autolearn.projections.lineage.index import LineageIndex
from autolearn.schemas.rest.labels import DatasetLabel
from autolearn.schemas.values import DatasetRef

K = TypeVar("K")
V = TypeVar("V")


class KeptRuns(NamedTuple):
    """The datasets of an experiment's trainings and evaluations, and the seconds of processors."""

    training_data: tuple[DatasetRef, ...] = ()
    evaluation_data: tuple[DatasetRef, ...] = ()
    cpu_seconds: float | None = None


class KnownLabels(NamedTuple):
    """The labels of a dataset up to an event, by version, rows of it, and target; and by row."""

    event: str
    labels: dict[tuple[str, int, str], dict[int, DatasetLabel]]


KNOWN, MARKS_KNOWN, LABELS_KNOWN = 20_000, 200, 3
"""The cached rows of one kind; the cached lists of sensitive columns, which may be long; and the
datasets whose labels are cached."""


class ImmutableRows:
    """The cache, shared by threads.

    `kept_runs` is by experiment. `versions` are the versions of datasets, by their names and the
    digests of their contents in the artifact store; `sensitive` the sensitive columns of a dataset,
    by its name and the number of their changes; `labels` are by dataset. `lineage` has the edges of
    rows.
    """

    def __init__(self) -> None:
        self.kept_runs: dict[str, KeptRuns] = {}
        self.versions: dict[tuple[str, str], str] = {}
        self.sensitive: dict[tuple[str, int], tuple[str, ...]] = {}
        self.labels: dict[str, KnownLabels] = {}
        self.lineage = LineageIndex()

    def forget(self, name: str) -> None:
        """Forget a deleted experiment or dataset, by its id or name."""
        self.kept_runs.pop(name, None)
        self.labels.pop(name, None)
        self.lineage.forget(name)
        for version in [at for at in list(self.versions) if at[0] == name]:
            self.versions.pop(version, None)
        for mark in [at for at in list(self.sensitive) if at[0] == name]:
            self.sensitive.pop(mark, None)


def remember(known: dict[K, V], at: K, value: V, most: int = KNOWN) -> V:
    """Cache a value, and return it. Values beyond the bound are dropped, and read again."""
    if len(known) >= most:
        known.clear()
    known[at] = value
    return value

"""Experiments, present and deleted."""

from __future__ import annotations

from msgspec import Raw, Struct

from autolearn.projections.rows.sessions import NOT_RENAMED
from autolearn.projections.storage.table import IndexEntry, Table
from autolearn.schemas.values import RunId


class StoredExperiment(Struct, array_like=True, gc=False):
    """A committed session, with the trainings that it keeps.

    `opened` and `renamed` are as in StoredSession; `annotations` counts those that are not of a
    training. `sequence` is that of its commit in its stream, `deleted` that of its deletion (0: not
    deleted).
    """

    opened: Raw
    created: str
    committed: str
    actor: str
    sequence: int
    trainings: tuple[RunId, ...]
    deleted: int = 0
    renamed: Raw = NOT_RENAMED
    annotations: int = 0


KEPT = Table("experiment", StoredExperiment)
BY_TIME = Table("experiment-by-time", IndexEntry)
"""By time of the commit and id."""
OF_USER = Table("experiment-of", IndexEntry)
"""By owner, time of the commit and id."""
SHARED_WITH = Table("experiment-with", IndexEntry)
"""By user or group/<name> with a grant, time of the commit and id."""
GONE = Table("experiment-gone", StoredExperiment)
"""The deleted ones."""
GONE_BY_TIME = Table("experiment-gone-by-time", IndexEntry)
"""By time of the commit and id."""
OPEN_RUNS = Table("experiment-run", IndexEntry)
"""The runs since the commit that have not ended, by experiment and run."""
HELD = Table("experiment-held", IndexEntry)
"""By experiment and model: what the decider holds it for, also where no version came of it."""

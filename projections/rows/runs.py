"""The runs of sessions and experiments alike."""

from __future__ import annotations

from msgspec import Raw, Struct

from autolearn.projections.storage.table import IndexEntry, NumberedTable, Table
from autolearn.schemas.values import NO_RUN, RunId, RunStatus


class StoredRun(Struct, array_like=True, gc=False):
    """The state of a run of any kind. `number` is the sequence of its request in its stream.

    The data of its events, which may be large, are in rows of their own that never change.
    `started` is when its attempt began, or of a pipeline's run the first one. `training` is that of
    an evaluation or prediction, and `before` the previously requested run of the session. `actor`
    asked for it: for a trial, who asked for its `study`, which is the run of the pipeline for a
    step. `annotations` counts those of a training. `labels` is what its worker must have
    (`schemas.workers.labels`), as text. `bytes` are those of what a step has left.
    """

    kind: str
    number: int
    status: RunStatus
    requested: str
    updated: str
    attempt: int = 1
    worker: str = ""
    started: str | None = None
    ended: str | None = None
    training: RunId = NO_RUN
    before: RunId = NO_RUN
    actor: str = ""
    annotations: int = 0
    study: RunId = NO_RUN
    labels: str = ""
    bytes: int = 0


class StoredWork(Struct, array_like=True, gc=False):
    """The numbers of waiting and running runs of a user's sessions, or of a pipeline."""

    queued: int = 0
    running: int = 0


RUNS = Table("run", StoredRun)
"""By session and id, also after the session was committed."""
BY_NUMBER = NumberedTable("run-at", IndexEntry)
"""By session and number."""
REQUESTS = Table("run-request", Raw)
"""The data of the event that accepted a run, by session and id."""
OUTCOMES = Table("run-outcome", Raw)
"""The data of the event that completed or failed it."""
USER_WORK = Table("user-work", StoredWork)

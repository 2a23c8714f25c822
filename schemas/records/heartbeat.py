"""Heartbeats: the state of workers on the topic `workers`, keyed by worker id.

They are not events: they report the passing moment, and only the newest of each worker is kept. A
worker that stops cleanly sends a last heartbeat (`stopped`).
"""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.values import RunId, SessionId


class Progress(Struct, frozen=True, gc=False):
    """The progress of a worker on one run.

    `detail` says something about the data, such as the loss: it is encrypted with the session's key
    `keyid`, in base64, or in clear if that has none.
    """

    run: RunId
    kind: str
    session: SessionId
    attempt: int
    phase: str
    since: str
    detail: str = ""
    keyid: str = ""


class Supervision(Struct, frozen=True, gc=False):
    """The state of the supervising process.

    `clock` is how many seconds its clock is ahead of the broker's, None while unknown; `doubt` is
    why nothing expires now.

    `overdue_keys` counts the sessions that are not kept and whose keys are not shredded in time,
    `overdue_models` their artifacts that could not be deleted for ten minutes. `foreign_store` is
    the log that the artifact store is marked for, if it is another one.
    """

    overdue_keys: int = 0
    overdue_models: int = 0
    clock: float | None = None
    doubt: str = ""
    foreign_store: str = ""


class Heartbeat(Struct, frozen=True, gc=False):
    """The present state of one worker process. Its id is new with every start.

    `kinds` are its kinds of work, `partitions` those of `tasks` that reach it now. `unconfined`
    names the missing confinements of runs (`runtime.sandbox.missing`). While its disk is low,
    `disk_low` is set, and it takes no new run. `labels` say what it has
    (`schemas.workers.labels`). The supervising process sends heartbeats too, with `supervision` and
    without work; so do processes that drive pipelines, whose `runs` are those of pipelines.
    """

    worker: str
    host: str
    pid: int
    kinds: tuple[str, ...]
    slots: int
    time: str
    runs: tuple[Progress, ...] = ()
    partitions: tuple[int, ...] = ()
    stopped: bool = False
    supervision: Supervision | None = None
    unconfined: tuple[str, ...] = ()
    disk_low: str = ""
    labels: dict[str, str] = {}

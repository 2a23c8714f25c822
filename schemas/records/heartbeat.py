"""Heartbeats: what workers say about themselves on the topic `workers`, keyed by worker id.

They are not events: they report the passing moment, and only the newest of each worker is kept.
A worker that stops cleanly says so with a last heartbeat (`stopped`).
"""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Heartbeat", "Progress", "Supervision"]


class Progress(Struct, frozen=True, gc=False):
    """What a worker does on one run now.

    `phase` is a word such as starting, loading, fitting, storing, evaluating; `since` is the time
    (RFC 3339) at which the attempt began.
    """

    run: str
    kind: str
    session: str
    attempt: int
    phase: str
    since: str


class Supervision(Struct, frozen=True, gc=False):
    """What the supervising process says of its work.

    `clock` is how many seconds its clock is ahead of the broker's, None while that is not known;
    `doubt` is why nothing expires now.

    `overdue_keys` counts the sessions that are not kept and whose keys are not shredded in time,
    `overdue_models` the models of such sessions that could not be deleted for ten minutes.
    `foreign_store` is the log that the artifact store is marked for, if that is another one.
    """

    overdue_keys: int = 0
    overdue_models: int = 0
    clock: float | None = None
    doubt: str = ""
    foreign_store: str = ""


class Heartbeat(Struct, frozen=True, gc=False):
    """One worker process, now. Its id is new with every start of the process.

    `kinds` are the kinds of work that it can do, `partitions` those of `tasks` that reach it now.
    `unconfined` names what its system does not keep from runs
    (`runtime.sandbox.missing`). While its disk is low, `disk_low` says so, and it takes no new run.
    The supervising process sends heartbeats too: it works on nothing, and says `supervision`.
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

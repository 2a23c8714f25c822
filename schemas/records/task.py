"""Tasks: the work that dispatch hands out on `tasks`, keyed by run id.

A task is only an offer, made when a worker has a free slot; the worker that claims the attempt
works on it. Dispatch repeats an offer that nobody claims.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from autolearn.schemas.values import RunId, StreamId


class Task(Struct, frozen=True, gc=False):
    """One attempt of one run.

    `request` has the data of the event that accepted the run, in the present version. Encrypted
    data are a list: key id, event id, type, base64 (`schemas.codec.kept`); the limits are 0 then.
    """

    kind: str
    run: RunId
    stream: StreamId
    attempt: int
    request: Raw
    time_limit: float
    memory_limit: int

"""The runs of sessions: the change of a run's row by each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from autolearn.projections.rows.stored_rows import StoredRun, StoredSession, StoredWork
from autolearn.projections.rows.view_rows import IndexEntry
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept, read_part
from autolearn.schemas.messages import type_of


class RunPart(Struct, frozen=True, gc=False):
    """The fields of a run's events that a fold reads; the other data are stored raw."""

    run: str
    attempt: int = 1
    worker: str = ""
    training: str = ""


part = msgspec.json.Decoder(RunPart)

_TOLD = ("completed", "failed")
"""The ends of a run whose last event has more data."""

Change = Callable[[StoredRun, RunPart, EventRecord], None]


def run_key(session: str, run: str) -> bytes:
    """Return the key of a run's row, also after the session was committed."""
    return f"run\0{session}\0{run}".encode()


def data_key(table: Literal["run-request", "run-outcome"], session: str, run: str) -> bytes:
    """Return the key of the stored data of an event of a run.

    The event is the one that accepted the run, or the one that completed or failed it.
    """
    return f"{table}\0{session}\0{run}".encode()


def place_key(session: str, number: int) -> bytes:
    """Return the key that orders a run among those of its session."""
    return f"run-at\0{session}\0".encode() + number.to_bytes(8, "big")


def delete(rows: RowBatch, session: str, run: str) -> None:
    """Delete a run with all its data."""
    row = rows.get(run_key(session, run), StoredRun)
    assert row is not None, f"the run {run} of {session} is lost"
    rows.delete(run_key(session, run))
    rows.delete(place_key(session, row.number))
    rows.delete(data_key("run-request", session, run))
    rows.delete(data_key("run-outcome", session, run))


def request(
    rows: RowBatch, record: EventRecord, session: str, row: StoredSession, kind: str
) -> None:
    """Fold the request of a run."""
    about = read_part(record, part)
    requested = StoredRun(
        kind,
        record.sequence,
        "open",
        record.time,
        record.time,
        training=about.training,
        before=row.newest,
    )
    rows.put(run_key(session, about.run), requested)
    rows.put_once(place_key(session, record.sequence), IndexEntry(about.run))
    rows.put_data(data_key("run-request", session, about.run), kept(record))
    row.runs, row.newest = row.runs + 1, about.run
    count(rows, row.actor, "", "open")


def newest_first(
    rows: RowBatch, session: str, row: StoredSession
) -> Iterator[tuple[str, StoredRun]]:
    """Yield all runs of an open session with their ids, the newest first."""
    name = row.newest
    while name:
        run = rows.get(run_key(session, name), StoredRun)
        assert run is not None, f"the run {name} of {session} is lost"
        yield name, run
        name = run.before


def count(rows: RowBatch, user: str, before: str, after: str) -> None:
    """Update a user's numbers of waiting and running runs after a change of status."""
    if before == after:
        return
    at = f"user-work\0{user}".encode()
    work = rows.change(at, StoredWork)
    if work is None:
        work = StoredWork()
        rows.put(at, work)
    work.queued += (after == "open") - (before == "open")
    work.running += (after == "started") - (before == "started")
    if not (work.queued or work.running):
        rows.delete(at)


def change(
    rows: RowBatch, record: EventRecord, session: str, row: StoredSession, how: Change
) -> None:
    """Fold an event of a run."""
    about = read_part(record, part)
    run = rows.change(run_key(session, about.run), StoredRun)
    assert run is not None, f"{record.type} for a run that was not requested"
    run.updated, before = record.time, run.status
    how(run, about, record)
    count(rows, row.actor, before, run.status)
    if run.status in _TOLD:
        rows.put_data(data_key("run-outcome", session, about.run), kept(record))


def start(run: StoredRun, about: RunPart, record: EventRecord) -> None:
    """Fold a claim: a worker holds the attempt."""
    run.status, run.attempt, run.worker = "started", about.attempt, about.worker
    run.started = record.time


def _complete(run: StoredRun, _: RunPart, record: EventRecord) -> None:
    run.status, run.ended = "completed", record.time


def _fail(run: StoredRun, _: RunPart, record: EventRecord) -> None:
    run.status, run.ended = "failed", record.time


def cancel(run: StoredRun, _: RunPart, record: EventRecord) -> None:
    """Fold a cancellation."""
    run.status, run.ended = "cancelled", record.time


def _lose(run: StoredRun, about: RunPart, _: EventRecord) -> None:
    run.status, run.attempt, run.worker, run.started = "open", about.attempt, "", None


TYPES: dict[str, Change] = {
    type_of(events.RunStarted): start,
    type_of(events.RunCompleted): _complete,
    type_of(events.RunFailed): _fail,
    type_of(events.RunCancelled): cancel,
    type_of(events.RunLost): _lose,
}
"""The handler of each event type of runs."""

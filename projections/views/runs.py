"""The runs of sessions: the change of a run's row by each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec
from msgspec import Struct

from autolearn.projections.rows.runs import (
    BY_NUMBER,
    OUTCOMES,
    REQUESTS,
    RUNS,
    USER_WORK,
    StoredRun,
    StoredWork,
)
from autolearn.projections.rows.sessions import StoredSession
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.table import IndexEntry
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept, read_part
from autolearn.schemas.messages import Event
from autolearn.schemas.quotas import kind_of_holder
from autolearn.schemas.values import NO_RUN, RunId, RunStatus, SessionId
from autolearn.schemas.workers.labels import text_of


class RunPart(Struct, frozen=True, gc=False):
    """The fields of a run's events that a fold reads; the other data are stored raw."""

    run: RunId
    attempt: int = 1
    worker: str = ""
    training: RunId = NO_RUN
    study: RunId = NO_RUN
    pipelinerun: RunId = msgspec.field(default=NO_RUN, name="pipeline_run")
    labels: dict[str, str] | str = {}
    """Their text where the data are encrypted."""


part = msgspec.json.Decoder(RunPart)

_TOLD = ("completed", "failed")
"""The ends of a run whose last event has more data."""

Change = Callable[[StoredRun, RunPart, EventRecord], None]


def delete(rows: RowBatch, session: SessionId, run: RunId) -> None:
    """Delete a run with all its data."""
    row = rows.get(RUNS, session, run)
    assert row is not None, f"the run {run} of {session} is lost"
    rows.delete(BY_NUMBER, session, row.number)
    for table in (RUNS, REQUESTS, OUTCOMES):
        rows.delete(table, session, run)


def request(
    rows: RowBatch, record: EventRecord, session: SessionId, holder: str, kind: str, before: RunId
) -> RunId:
    """Fold the request of a run, and return its id. `before` is that of the session's last run.

    It counts for the quotas of the `holder`.
    """
    about = read_part(record, part)
    asked_by = about.study or about.pipelinerun
    study = rows.get(RUNS, session, asked_by) if asked_by else None
    requested = StoredRun(
        kind,
        record.sequence,
        "open",
        record.time,
        record.time,
        training=about.training,
        before=before,
        actor=record.actor if study is None else study.actor,
        study=asked_by,
        labels=about.labels if isinstance(about.labels, str) else text_of(about.labels),
    )
    rows.put(RUNS, requested, session, about.run)
    rows.put_once(BY_NUMBER, IndexEntry(about.run), session, record.sequence)
    rows.put_once(REQUESTS, kept(record), session, about.run)
    count(rows, holder, requested, "", "open")
    return about.run


def add_imported(rows: RowBatch, record: EventRecord, session: SessionId, before: RunId) -> RunId:
    """Fold a training that was made elsewhere, and return its id. One event is all of it."""
    about, time = read_part(record, part), record.time
    imported = StoredRun(
        *("training", record.sequence, "completed", time, time),
        ended=time,
        before=before,
        actor=record.actor,
    )
    rows.put(RUNS, imported, session, about.run)
    rows.put_once(BY_NUMBER, IndexEntry(about.run), session, record.sequence)
    for table in (REQUESTS, OUTCOMES):
        rows.put_once(table, kept(record), session, about.run)
    return about.run


def newest_first(
    rows: RowBatch, session: SessionId, row: StoredSession
) -> Iterator[tuple[RunId, StoredRun]]:
    """Yield all runs of an open session with their ids, the newest first."""
    name = row.newest
    while name:
        run = rows.get(RUNS, session, name)
        assert run is not None, f"the run {name} of {session} is lost"
        yield name, run
        name = run.before


def count(rows: RowBatch, holder: str, run: StoredRun, before: str, after: str) -> None:
    """Update a holder's numbers of waiting and running runs after a change of a run's status.

    What a worker does for a pipeline is also among the running runs of its user, as in dispatch.
    """
    running = (after == "started") - (before == "started")
    _count(rows, holder, (after == "open") - (before == "open"), running)
    if kind_of_holder(holder) == "pipeline" and run.kind != "pipeline":
        _count(rows, run.actor, 0, running)


def _count(rows: RowBatch, holder: str, queued: int, running: int) -> None:
    if not queued and not running:
        return
    work = rows.change(USER_WORK, holder)
    if work is None:
        work = StoredWork()
        rows.put(USER_WORK, work, holder)
    work.queued += queued
    work.running += running
    if not (work.queued or work.running):
        rows.delete(USER_WORK, holder)


def change(
    rows: RowBatch, record: EventRecord, session: SessionId, holder: str, how: Change
) -> StoredRun:
    """Fold an event of a run, and return its row. `holder` as in `request`."""
    about = read_part(record, part)
    run = rows.change(RUNS, session, about.run)
    assert run is not None, f"{record.type} for a run that was not requested"
    run.updated, before = record.time, run.status
    how(run, about, record)
    count(rows, holder, run, before, run.status)
    if run.status in _TOLD:
        rows.put_once(OUTCOMES, kept(record), session, about.run)
    return run


def _start(run: StoredRun, about: RunPart, record: EventRecord) -> None:
    run.status, run.attempt, run.worker = "started", about.attempt, about.worker
    run.started = run.started or record.time


def _lose(run: StoredRun, about: RunPart, _: EventRecord) -> None:
    run.status, run.attempt, run.worker = "open", about.attempt, ""
    if run.kind != "pipeline":  # another process goes on with that: it does not begin anew
        run.started = None


def _ended(status: RunStatus) -> Change:
    def end(run: StoredRun, _: RunPart, record: EventRecord) -> None:
        run.status, run.ended = status, record.time

    return end


CHANGES: Mapping[type[Event], Change] = {
    events.RunStarted: _start,
    events.RunCompleted: _ended("completed"),
    events.RunFailed: _ended("failed"),
    events.RunCancelled: _ended("cancelled"),
    events.RunLost: _lose,
}
"""The handler of each event type of runs."""

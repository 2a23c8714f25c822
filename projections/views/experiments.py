"""Experiments: committed sessions, with the runs that they keep, and those since the commit."""

from __future__ import annotations

from msgspec import Raw
from msgspec.structs import replace

from autolearn.projections.rows import experiments, sessions
from autolearn.projections.rows.runs import RUNS
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.table import IndexEntry
from autolearn.projections.views import runs
from autolearn.projections.views.annotations import add_annotation, keep_annotations
from autolearn.projections.views.view import View
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, read_part
from autolearn.schemas.values import NO_RUN, RunId, SessionId


def commit(
    rows: RowBatch, session: SessionId, row: sessions.StoredSession, event: events.SessionCommitted
) -> None:
    """Make an experiment of a session: keep its chosen trainings and their evaluations."""
    for run_id, run in runs.newest_first(rows, session, row):
        runs.count(rows, row.holder, run, run.status, "")
        if run.kind == "training":
            stays = run_id in event.trainings
        else:
            stays = run.training in event.trainings and run.status == "completed"
        if not stays:
            runs.delete(rows, session, run_id)
    experiment = experiments.StoredExperiment(
        row.opened,
        row.created,
        row.updated,
        row.actor,
        row.sequence,
        event.trainings,
        renamed=row.renamed,
    )
    if row.annotations:
        own = keep_annotations(rows, session, {NO_RUN, *event.trainings})
        experiment.annotations = own
    rows.put(experiments.KEPT, experiment, session)
    entry = IndexEntry(session)
    rows.put_once(experiments.BY_TIME, entry, row.updated, session)
    rows.put(experiments.OF_USER, entry, row.actor, row.updated, session)
    for user in readers_of(rows, session, row):
        rows.put(experiments.SHARED_WITH, entry, user, row.updated, session)


def request(rows: RowBatch, record: EventRecord, session: SessionId, kind: str) -> None:
    """Fold the request of a run since the commit."""
    row = _kept(rows, record, session)
    run = runs.request(rows, record, session, row.actor, kind, NO_RUN)
    rows.put(experiments.OPEN_RUNS, IndexEntry(session), session, run)


def change(rows: RowBatch, record: EventRecord, session: SessionId, how: runs.Change) -> None:
    """Fold an event of a run since the commit."""
    run = read_part(record, runs.part).run
    row = runs.change(rows, record, session, _kept(rows, record, session).actor, how)
    if row.ended is not None:
        rows.delete(experiments.OPEN_RUNS, session, run)


def _kept(rows: RowBatch, record: EventRecord, session: SessionId) -> experiments.StoredExperiment:
    row = rows.get(experiments.KEPT, session)
    assert row is not None, f"{record.type} for a session that is neither open nor committed"
    return row


def rename(rows: RowBatch, session: SessionId, renamed: Raw) -> None:
    """Store the data of the event that renamed an experiment."""
    row = rows.change(experiments.KEPT, session)
    assert row is not None, f"{session} is renamed and is neither open nor committed"
    row.renamed = renamed


def annotate(rows: RowBatch, record: EventRecord, session: SessionId) -> None:
    """Fold an annotation of an experiment, or of one of its trainings."""
    run = add_annotation(rows, record, session)
    row = rows.change(experiments.KEPT, session)
    assert row is not None, f"{record.type} for a session that is neither open nor committed"
    row.annotations += not run


def share(rows: RowBatch, session: SessionId, user: str, *, may_read: bool) -> None:
    """Add an experiment to the list of a user or group, or remove it."""
    row = rows.get(experiments.KEPT, session)
    if row is not None and user != row.actor:
        entry = IndexEntry(session) if may_read else None
        rows.put(experiments.SHARED_WITH, entry, user, row.committed, session)


def readers_of(
    rows: RowBatch, session: SessionId, row: sessions.StoredSession | experiments.StoredExperiment
) -> list[str]:
    """Return the users and groups with a grant of a session or experiment, but for its owner."""
    if isinstance(row, sessions.StoredSession) and not row.shared:
        return []
    return [one for one in rows.names(sessions.READERS, session) if one != row.actor]


def delete(rows: RowBatch, session: SessionId, sequence: int) -> None:
    """Delete an experiment and all that it keeps from the view, by an event of its stream.

    Its former existence stays known, for lists of the past.
    """
    row = rows.get(experiments.KEPT, session)
    assert row is not None, f"{session} is deleted and was no experiment"
    for run in map(RunId, rows.names(experiments.OPEN_RUNS, session)):
        going = rows.get(RUNS, session, run)
        assert going is not None, f"the run {run} of {session} is lost"
        runs.count(rows, row.actor, going, going.status, "")
        rows.delete(experiments.OPEN_RUNS, session, run)
    for run in map(RunId, rows.names(RUNS, session)):
        runs.delete(rows, session, run)
    keep_annotations(rows, session, ())
    rows.delete(experiments.KEPT, session)
    rows.delete(experiments.BY_TIME, row.committed, session)
    rows.delete(experiments.OF_USER, row.actor, row.committed, session)
    for user in readers_of(rows, session, row):
        rows.delete(experiments.SHARED_WITH, user, row.committed, session)
    rows.put_once(experiments.GONE, replace(row, deleted=sequence), session)
    rows.put_once(experiments.GONE_BY_TIME, IndexEntry(session), row.committed, session)


VIEW = View("experiments", experiments)
"""The handlers of the sessions change it: a commit ends a session and makes an experiment."""

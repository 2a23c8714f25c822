"""Pipelines: versions, grants, runs, and how their steps have ended."""

from __future__ import annotations

from autolearn.projections.rows import pipelines, users
from autolearn.projections.rows import runs as run_rows
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.table import IndexEntry
from autolearn.projections.views import runs
from autolearn.projections.views.view import Handler, View
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, kept
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.quotas import holder_of
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.results import StepResult
from autolearn.schemas.stream_kinds import owner_of_runs
from autolearn.schemas.values import NO_RUN, RunId

_NAME = slice(len("pipeline/"), None)
"""The index of a pipeline's name in the name of its stream."""


def _apply(rows: RowBatch, record: EventRecord) -> None:
    """Fold a version, the first of which makes the pipeline."""
    event, name, time = outline_of(record), record.subject[_NAME], record.time
    assert isinstance(event, events.PipelineApplied)
    if rows.get(pipelines.PIPELINES, name) is None:
        made = pipelines.StoredPipeline(record.actor, time, time, record.sequence)
        rows.put(pipelines.PIPELINES, made, name)
        rows.put(pipelines.OF_USER, IndexEntry(name), record.actor, name)
    mark_changed(rows, record).versions = event.number
    version = pipelines.StoredDefinition(kept(record), time, record.actor, record.sequence)
    rows.put_once(pipelines.VERSIONS, version, name, event.number)


def mark_changed(rows: RowBatch, record: EventRecord) -> pipelines.StoredPipeline:
    """Return the row of a pipeline, marked as changed by an event."""
    row = rows.change(pipelines.PIPELINES, record.subject[_NAME])
    assert row is not None, f"{record.type} for a pipeline that was not applied"
    row.updated, row.sequence = record.time, record.sequence
    return row


def _request(kind: str) -> Handler:
    """Return the handler of the events that accept a run of the pipeline, or of a step."""

    def handle(rows: RowBatch, record: EventRecord) -> None:
        row, owner = mark_changed(rows, record), owner_of_runs(record.subject)
        run = runs.request(rows, record, owner, holder_of(record.subject), kind, NO_RUN)
        if kind == "pipeline":
            row.runs, row.open, row.last = row.runs + 1, row.open + 1, run
            name, entry = record.subject[_NAME], IndexEntry(record.subject[_NAME])
            rows.put(pipelines.RUN_OF, entry, run)
            rows.put(pipelines.RUNS_BY_TIME, entry, record.time, run)
            rows.put(pipelines.RUNS_OF_PIPELINE, entry, name, record.time, run)
            rows.put(pipelines.RUNS_OF_OWNER, entry, row.owner, record.time, run)

    return handle


def change_run(rows: RowBatch, record: EventRecord, how: runs.Change) -> None:
    """Fold an event of a run of a pipeline, or of one of its steps."""
    row, owner = mark_changed(rows, record), owner_of_runs(record.subject)
    run = runs.change(rows, record, owner, holder_of(record.subject), how)
    if run.kind == "pipeline" and run.ended is not None:
        row.open -= 1
    event = outline_of(record) if run.kind == "step" and run.status == "completed" else None
    if isinstance(event, events.RunCompleted) and isinstance(event.result, StepResult):
        run.bytes = event.result.artifact.bytes
        row.bytes += run.bytes


def _record(rows: RowBatch, record: EventRecord) -> None:
    """Fold the end of a step: its result is the newest with its key."""
    event, name = outline_of(record), record.subject[_NAME]
    assert isinstance(event, events.StepRecorded)
    mark_changed(rows, record)
    outcome = pipelines.StoredOutcome(kept(record), record.time)
    rows.put_once(pipelines.OUTCOMES, outcome, event.run, record.sequence)
    if key := event.outcome.key:
        rows.put(pipelines.CACHED, IndexEntry(f"{event.run} {record.sequence}"), name, key)


def _forget(rows: RowBatch, record: EventRecord) -> None:
    """Fold that ended runs are forgotten, with their steps and cached results."""
    event, name = outline_of(record), record.subject[_NAME]
    assert isinstance(event, events.RunsForgotten)
    row = mark_changed(rows, record)
    row.runs -= len(event.runs)
    row.bytes -= _delete_runs(rows, record, {*event.runs})
    for key in rows.names(pipelines.CACHED, name):
        entry = rows.get(pipelines.CACHED, name, key)
        if entry is not None and entry.id.partition(" ")[0] in event.runs:
            rows.delete(pipelines.CACHED, name, key)


def _delete_runs(rows: RowBatch, record: EventRecord, gone: set[str] | None) -> int:
    """Delete runs with their steps, and return the bytes of what these have left; None: all."""
    owner, holder, freed = owner_of_runs(record.subject), holder_of(record.subject), 0
    name = record.subject[_NAME]
    of = rows.get(pipelines.PIPELINES, name)
    assert of is not None, f"the pipeline {name} is lost"
    for run in map(RunId, rows.names(run_rows.RUNS, owner)):
        row = rows.get(run_rows.RUNS, owner, run)
        assert row is not None, f"the run {run} is lost"
        if gone is not None and run not in gone and row.study not in gone:
            continue
        freed += row.bytes
        runs.count(rows, holder, row, row.status, "")
        runs.delete(rows, owner, run)
        if row.kind == "pipeline":
            rows.delete(pipelines.RUN_OF, run)
            rows.delete(pipelines.RUNS_BY_TIME, row.requested, run)
            rows.delete(pipelines.RUNS_OF_PIPELINE, name, row.requested, run)
            rows.delete(pipelines.RUNS_OF_OWNER, of.owner, row.requested, run)
        for number in rows.numbers(pipelines.OUTCOMES, run):
            rows.delete(pipelines.OUTCOMES, run, number)
    return freed


def _share(rows: RowBatch, record: EventRecord) -> None:
    """Fold a change of the grants."""
    event, name = outline_of(record), record.subject[_NAME]
    row = mark_changed(rows, record)
    match event:
        case events.PipelineShared(user=user, may=may):
            rows.put(pipelines.GRANTS, Reader(user, record.time, may), name, user)
            if user != row.owner:
                rows.put(pipelines.SHARED_WITH, IndexEntry(name), user, name)
        case events.PipelineUnshared(user=user):
            rows.delete(pipelines.GRANTS, name, user)
            rows.delete(pipelines.SHARED_WITH, user, name)


def _remove(rows: RowBatch, record: EventRecord) -> None:
    """Fold the end of a pipeline. Its owner stays known; its name is never given again."""
    name = record.subject[_NAME]
    row = mark_changed(rows, record)
    row.deleted, row.runs, row.last, row.open, row.bytes = record.time, 0, NO_RUN, 0, 0
    _delete_runs(rows, record, None)
    for number in range(1, row.versions + 1):
        rows.delete(pipelines.VERSIONS, name, number)
    for key in rows.names(pipelines.CACHED, name):
        rows.delete(pipelines.CACHED, name, key)
    for quota in rows.names(users.QUOTAS, holder_of(record.subject)):
        rows.delete(users.QUOTAS, holder_of(record.subject), quota)
    rows.delete(pipelines.OF_USER, row.owner, name)
    for user in rows.names(pipelines.GRANTS, name):
        rows.delete(pipelines.GRANTS, name, user)
        rows.delete(pipelines.SHARED_WITH, user, name)


VIEW = View(
    "pipelines",
    pipelines,
    handlers={
        events.PipelineApplied: _apply,
        events.PipelineRequested: _request("pipeline"),
        events.StepRequested: _request("step"),
        events.StepRecorded: _record,
        events.RunsForgotten: _forget,
        events.PipelineShared: _share,
        events.PipelineUnshared: _share,
        events.PipelineRemoved: _remove,
    },
)

"""Pipelines, versions and runs as REST shows them."""

from __future__ import annotations

from msgspec.structs import asdict, replace

from autolearn.api.services.pipelines.kinds import session_of, step_run_id
from autolearn.api.state.worker_heartbeats import Live
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.runs import StoredRun
from autolearn.schemas.pipelines.definition import Definition, Step
from autolearn.schemas.pipelines.results import StepOutcome
from autolearn.schemas.rest.pipelines.definitions import (
    Pipeline,
    PipelineRow,
    PipelineSummary,
    PipelineVersion,
    PipelineVersionRow,
)
from autolearn.schemas.rest.pipelines.runs import PipelineRun, PipelineRunSummary, StepState
from autolearn.schemas.rest.runs import AnyRunRow, PipelineRunRow
from autolearn.schemas.values import NO_RUN, RunId


def summary(row: PipelineRow, *, withheld: bool = False) -> PipelineSummary:
    """Return a pipeline as a list shows it."""
    shown = replace(row, summary="", unreadable=True) if withheld else row
    links = {"self": f"/v1/pipelines/{row.name}"}
    return PipelineSummary(**asdict(shown), links=links)


def pipeline(snapshot: Snapshot, name: str) -> Pipeline:
    """Return a pipeline with its newest version (decrypts)."""
    row, newest = snapshot.pipelines.get(name), snapshot.pipelines.newest(name)
    assert row is not None, "it was found at this moment"
    assert newest is not None, "a pipeline has a version"
    at = f"/v1/pipelines/{name}"
    return Pipeline(
        **asdict(row),
        definition=newest.definition,
        grants=snapshot.pipelines.grants(name),
        links={
            "self": at,
            "versions": f"{at}/versions",
            "runs": f"/v1/pipeline-runs?pipeline={name}",
        },
    )


def version(row: PipelineVersionRow) -> PipelineVersion:
    """Return a version."""
    links = {"self": f"/v1/pipelines/{row.pipeline}/versions/{row.number}"}
    return PipelineVersion(**asdict(row), links=links)


def unapplied(definition: Definition, number: int, text: str, note: str) -> PipelineVersion:
    """Return the version that a file would be."""
    return PipelineVersion(
        pipeline=definition.name,
        number=number,
        definition=definition,
        text=text,
        note=note,
        applied="",
        actor="",
        links={},
    )


def run_summary(name: str, run: RunId, row: StoredRun) -> PipelineRunSummary:
    """Return a run as a list shows it."""
    return PipelineRunSummary(
        id=run,
        pipeline=name,
        number=row.number,
        status=row.status,
        requested=row.requested,
        started=row.started,
        ended=row.ended,
        actor=row.actor,
        links={"self": f"/v1/pipeline-runs/{run}", "pipeline": f"/v1/pipelines/{name}"},
    )


def run(snapshot: Snapshot, name: str, row: PipelineRunRow, live: Live) -> PipelineRun:
    """Return a run with its steps (decrypts)."""
    told = snapshot.pipelines.outcomes(name, row.id)
    at = f"/v1/pipeline-runs/{row.id}"
    steps = []
    for step in row.definition.steps:
        outcome, time = told.get(step.name, (None, None))
        own = step_run_id(row.id, step.name)
        stored = snapshot.runs.stored(runs_of(name), "step", own)
        links: dict[str, str] = {}
        if outcome is not None and outcome.gave.artifact is not None:
            links["files"] = f"{at}/steps/{step.name}/files"
        ready = row.status == "started" and all(name in told for name in step.inputs)
        going = "cancelled" if row.ended is not None else "running" if ready else "waiting"
        why = "the run ended before it" if going == "cancelled" else ""
        if going == "running" and stored is not None:
            going, why = _now(snapshot.runs.of_any(runs_of(name), "step", own), live)
        mine = None if stored is None else own
        steps.append(_step(step, outcome, time, mine, (going, why), links))
    links = {"self": at, "pipeline": f"/v1/pipelines/{name}"}
    session = session_of(row.id)  # also of a run that has failed, or goes on
    if snapshot.sessions.is_open(session):
        links["session"] = f"/v1/sessions/{session}"
    elif snapshot.sessions.is_committed(session):
        links["session"] = f"/v1/experiments/{session}"
    return PipelineRun(**asdict(row), pipeline=name, steps=steps, progress=live(row), links=links)


def _now(process: AnyRunRow | None, live: Live) -> tuple[str, str]:
    """Return whether the process of a step waits or runs, and what for, or in which phase."""
    progress = None if process is None else live(process)
    if progress is None:
        return "running", ""
    status = "waiting" if progress.phase.startswith("waiting") else "running"
    phase = "" if progress.phase == status else progress.phase
    return status, ": ".join(filter(None, (phase, progress.detail)))


def _step(
    step: Step,
    outcome: StepOutcome | None,
    time: str | None,
    own: RunId | None,
    going: tuple[str, str],
    links: dict[str, str],
) -> StepState:
    """Return a step; one without an outcome is `going`: it waits, runs, or ended with its run."""
    if outcome is None:
        status, why = going
        return StepState(
            name=step.name, kind=step.kind, status=status, why=why, run=own, links=links
        )
    return StepState(
        name=step.name,
        kind=step.kind,
        status=outcome.status,
        why=outcome.why,
        gave=outcome.gave,
        inputs=outcome.inputs,
        made_by=None if outcome.made_by == NO_RUN else outcome.made_by,
        seconds=outcome.seconds,
        run=own,
        ended=time,
        links=links,
    )

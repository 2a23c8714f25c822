"""The kinds of steps that a definition may name: ours, and those that workers offer."""

from __future__ import annotations

from autolearn.agents.command_client import command_id
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.values import RunId, SessionId


def step_kinds(snapshot: Snapshot) -> dict[str, StepSpec]:
    """Return the kinds of steps, by name."""
    return {**functions_in(snapshot), **DRIVEN}


def functions_in(snapshot: Snapshot) -> dict[str, StepSpec]:
    """Return the steps that workers offer, by name."""
    return {row.spec.name: row.spec for row in snapshot.catalog.steps()}


def step_run_id(run: RunId, step: str, attempt: int = 0) -> RunId:
    """Return the id of the process of a step in a run of its pipeline."""
    return RunId(command_id("step", run, step, attempt))


def session_of(run: RunId) -> SessionId:
    """Return the id of the session in which a run of a pipeline trains."""
    return SessionId(command_id("session", run))

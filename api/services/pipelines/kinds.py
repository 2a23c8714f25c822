"""The kinds of steps that a definition may name: ours, and those that workers offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from autolearn.agents.command_client import command_id
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.pipelines.step_checks import CatalogNames
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.values import RunId, SessionId

T = TypeVar("T")


async def checked(
    context: ApiContext, check: Callable[[dict[str, StepSpec], CatalogNames], T]
) -> T:
    """Return the result of a check of a definition by what workers offer.

    If it finds faults, the whole log is read first: a worker may have offered a step just now.

    Raises:
        PipelineInvalid: as the check does.
    """

    def look() -> T:
        now = context.queries.now()
        return check(step_kinds(now), _names_in(now))

    lists = context.executors.lists
    try:
        return await lists.run(look)
    except PipelineInvalid:
        await context.reader.fresh()
        return await lists.run(look)


def _names_in(snapshot: Snapshot) -> CatalogNames:
    estimators = frozenset(row.spec.name for row in snapshot.catalog.estimators())
    return CatalogNames(estimators, frozenset(row.spec.name for row in snapshot.catalog.metrics()))


def step_kinds(snapshot: Snapshot) -> dict[str, StepSpec]:
    """Return the kinds of steps, by name."""
    return {**functions_in(snapshot), **DRIVEN}


def functions_in(snapshot: Snapshot) -> dict[str, StepSpec]:
    """Return the steps that workers offer, by name."""
    return {row.spec.name: row.spec for row in snapshot.catalog.steps()}


def step_run_id(run: RunId, step: str, attempt: int = 0, part: str = "") -> RunId:
    """Return the id of the process of a step, or of a part of it, in a run of its pipeline."""
    return RunId(command_id("step", run, f"{step}/{part}" if part else step, attempt))


def session_of(run: RunId) -> SessionId:
    """Return the id of the session in which a run of a pipeline trains."""
    return SessionId(command_id("session", run))

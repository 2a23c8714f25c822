"""Steps that are functions: each is a run of its own on a worker."""

from __future__ import annotations

from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork
from autolearn.api.pipelines.tables import table_of_step
from autolearn.api.services.pipelines.kinds import step_run_id
from autolearn.projections.queries.pipelines import runs_of
from autolearn.schemas.commands import RequestStep
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.rest.runs import StepRunRow
from autolearn.schemas.values import RunId
from autolearn.schemas.workers.labels import PACKAGE

_RAISED = ("raised", "crashed")
"""The reasons of a failure after which another attempt may succeed."""


async def run_function(
    by: ConductedRun,
    work: StepWork,
    function: str = "",
    *,
    artifact: str = "",
    artifact_keyid: str = "",
    part: str = "",
) -> StepGave:
    """Have a step done by a worker, by another `function` if one is named; return its result.

    A step that takes several runs names the `part` that each one does, "" for the last.

    Raises:
        StepFailed: it has failed in all its attempts, or was cancelled.
        Problem: its request is refused.
    """
    work = work._replace(spec=_function_of(by, function or work.spec.name))
    step, failed = work.step, ""
    for attempt in range(step.attempts):
        run = step_run_id(by.id, step.name, attempt, part)
        command = _request_step(by, work, run, artifact, artifact_keyid)
        parts = ("step", step.name, attempt, *([part] if part else []))
        await by.commands.conduct(by.stream, command, *parts)
        await by.until_ended(runs_of(by.pipeline), "step", run)
        row = await by.run_of(runs_of(by.pipeline), "step", run)
        if not isinstance(row, StepRunRow) or row.unreadable:
            raise StepFailed("its pipeline was removed, or its key is not here")
        if row.status == "completed":
            table = row.table
            if table is not None:
                table = table_of_step(table, by.pipeline, step.name, work.tables)
            assert not isinstance(row.artifact, str), "that of a completed step is whole"
            return StepGave(table=table, artifact=row.artifact, report=row.report)
        failed = f"{row.reason}: {row.detail}" if row.status == "failed" else "it was cancelled"
        if row.reason not in _RAISED:
            break
    raise StepFailed(failed)


def _request_step(
    by: ConductedRun, work: StepWork, run: RunId, artifact: str, artifact_keyid: str
) -> RequestStep:
    """Return the command that asks for a step."""
    step, spec, limits = work.step, work.spec, by.context.settings.workers
    return RequestStep(
        run=run,
        time_limit=min(step.time_limit or limits.time_limit, limits.time_limit),
        memory_limit=min(step.memory_limit or limits.memory_limit, limits.memory_limit),
        pipeline_run=by.id,
        step=step.name,
        function=spec.name,
        package=spec.package,
        package_version=spec.package_version,
        digest=spec.digest,
        parameters=step.parameters,
        tables=work.tables,
        seed=by.definition.seed,
        artifact=artifact,
        artifact_keyid=artifact_keyid,
        network=spec.network,
        labels={**_package_of(spec), **step.labels},
    )


def _function_of(by: ConductedRun, name: str) -> StepSpec:
    """Return the function of a step. Raises StepFailed if no worker offers it."""
    if name not in by.functions:
        raise StepFailed(f"no worker offers the step {name}")
    return by.functions[name]


def _package_of(spec: StepSpec) -> dict[str, str]:
    """Return the label of the package that a worker needs, none for our own."""
    if spec.package in ("", "autolearn"):
        return {}
    return {f"{PACKAGE}{spec.package}": spec.package_version}

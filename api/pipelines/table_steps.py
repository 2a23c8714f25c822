"""Steps of tables that need the catalog: to read a dataset, to predict, to keep and to deliver."""

from __future__ import annotations

from msgspec.structs import replace

from autolearn.api.pipelines.function_steps import run_function
from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork
from autolearn.api.services.catalog.dataset_versions import Description, add_version
from autolearn.api.shared import uploads
from autolearn.api.shared.dataset_checks import require_upload
from autolearn.api.shared.read_hints import Hints
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.read_options import ReadHints
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.results import PREDICTION_FORMS
from autolearn.schemas.values import DatasetRef, JsonValue

KEEP = "dataset:"


async def read_source(by: ConductedRun, work: StepWork) -> StepGave:
    """Return the version of a dataset that the run reads; a URL is fetched by a worker.

    Raises:
        StepFailed: it cannot be fetched.
    """
    source = by.row.sources.get(work.step.name)
    if source is not None:
        return StepGave(table=source)
    return await run_function(by, work, "fetch")


async def split(_: ConductedRun, work: StepWork) -> StepGave:
    """Return the table with how its rows are split; the training does it."""
    given = work.first(lambda gave: gave.table)
    return StepGave(table=given.table, artifact=given.artifact, split=work.step.parameters)


async def predict(by: ConductedRun, work: StepWork) -> StepGave:
    """Predict the rows of a dataset, or of a step's table, by the chosen training.

    With forecasts the table has a column for each horizon, such as `load in 1h`.

    Raises:
        StepFailed: none was chosen, or the worker cannot predict.
    """
    given = work.first(lambda gave: gave.trainings)
    if not given.chosen:
        raise StepFailed("there are several models: a compare step chooses the one that predicts")
    source = by.row.sources.get(work.step.name)
    table = source if source is not None else next(iter(work.tables), None)
    told = {name: one for name, one in work.step.parameters.items() if name != "dataset"}
    *before, last = given.chosen
    for horizon in before:  # each adds its column to the table of the next one
        asked = {"with_input": True, "called": await _forecast_of(by, given, horizon)}
        table = (await _predicted(by, work, asked, given, horizon, table)).table
    if last:
        names = [await _forecast_of(by, given, one) for one in given.chosen]
        told |= {"called": names[-1], "columns": [*(told.get("columns") or ()), *names[:-1]]}
    return await _predicted(by, work, told, given, last, table, last=True)


async def _forecast_of(by: ConductedRun, given: StepGave, horizon: str) -> str:
    """Return the name of what a forecast predicts: the target of its training."""
    training = given.chosen[horizon]
    row = await by.read(lambda now, _: now.runs.training(given.session, training))
    if row is None or row.target is None:
        raise StepFailed("the session of the run has ended")
    return row.target


async def _predicted(
    by: ConductedRun,
    work: StepWork,
    parameters: dict[str, JsonValue],
    given: StepGave,
    horizon: str,
    table: DatasetSpec | None,
    *,
    last: bool = False,
) -> StepGave:
    """Predict the rows of a table by the model of a horizon; all but the last are parts."""
    artifact = given.artifacts.get(given.chosen[horizon])
    if artifact is None:
        raise StepFailed("the training has no artifact")
    asked = StepWork(
        replace(work.step, parameters=parameters),
        work.spec,
        {"": StepGave(table=table)} if table is not None else {},
    )
    return await run_function(
        by,
        asked,
        "predict",
        artifact=artifact.folder,
        artifact_keyid=by.context.queries.latest().sessions.keyid(given.session) or "",
        part="" if last else horizon,
    )


async def deliver(by: ConductedRun, work: StepWork) -> StepGave:
    """Register the table as a version of a dataset, or name the file that the client writes.

    Raises:
        Problem: the version is refused.
    """
    given = work.first(lambda gave: gave.table)
    assert given.table is not None, "it was found by it"
    parameters = work.step.parameters
    if file := str(parameters.get("file") or ""):
        form = next((one for one in PREDICTION_FORMS if file.endswith(f".{one}")), "parquet")
        step = replace(work.step, parameters={"form": form})
        gave = await run_function(by, work._replace(step=step), "write")
        return replace(gave, file=file)
    name, summary = str(parameters["dataset"]), str(parameters.get("summary") or "")
    ref = await keep_table(by, given.table, name, work.step.name, summary)
    return StepGave(table=given.table, artifact=given.artifact, dataset=ref)


async def keep_table(
    by: ConductedRun, table: DatasetSpec, name: str, step: str, summary: str = ""
) -> DatasetRef:
    """Register a table as a version of a dataset, and return it.

    Raises:
        Problem: the version is refused.
    """
    context, who = by.context, by.commands.principal()
    via = await require_upload(context, who, name)
    asked = by.commands.asked("keep", step)._replace(actor=who.name, grant=who.grant, via=via)
    about = Description(
        target=table.target or "",
        format=table.format,
        media="",
        summary=summary or f"{by.pipeline}, run {by.id[:8]}, step {step}",
        sensitive=table.sensitive,
        roles=table.roles,
        positive=table.positive,
    )
    hints = Hints(
        table.hints or ReadHints(), accept_findings=True, accept_changes=True, dry_run=False
    )
    if context.queries.answer(asked.id) is None:
        with context.uploads.room(who.name) as room:
            async with uploads.stored(context, table.ref, room) as file:
                await add_version(context, file, name, who, asked, about, hints)
    row = await by.read(lambda now, _: now.catalog.dataset(name, table.version))
    if row is None:
        raise StepFailed(f"{name} was changed or deleted meanwhile")
    return row.spec.ref

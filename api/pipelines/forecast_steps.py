"""The train step of a forecast: one model for each time ahead, split by time."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from autolearn.api.http.problems import Problem
from autolearn.api.pipelines import session_steps
from autolearn.api.pipelines.function_steps import run_function
from autolearn.api.pipelines.kept_steps import KeptSteps
from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork, words_of
from autolearn.schemas.bounds import listed
from autolearn.schemas.catalog import REGRESSION, DatasetSpec
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.training.horizons import later
from autolearn.schemas.values import JsonValue, Split

_OF_AHEAD = ("column", "ahead", "group", "season")
"""The fields of a target that are parameters of the function `ahead`."""


async def train(by: ConductedRun, work: StepWork) -> StepGave:
    """Train the candidates; with a target that is ahead, for each horizon.

    No step is kept in the models: the raw rows have no column of what comes later.

    Raises:
        StepFailed: a horizon has no model, or no column of times is found.
        Problem: a request does not fit.
    """
    target = work.step.parameters.get("target")
    if not isinstance(target, dict):
        return await session_steps.train(by, work)
    given = work.first(lambda gave: gave.table)
    assert given.table is not None, "it was found by it"
    split = _split_of(given, target)
    asked: dict[str, JsonValue] = {name: target[name] for name in _OF_AHEAD if name in target}
    asked |= {"ahead": _horizons(target), "time": split["column"], "test": split["test"]}
    function = work._replace(
        step=replace(work.step, parameters=asked), given={"": StepGave(table=given.table)}
    )
    made = await run_function(by, function, "ahead")
    table = made.table
    assert table is not None, "a function gives one"
    by.tables[table.name] = table
    horizons, column = _horizons(target), str(target["column"])
    new = {one.name for one in table.columns} - {one.name for one in given.table.columns}
    split_table = StepGave(table=table, split=split)
    parts = [
        session_steps.train_on(
            by, _one(work, column, one, new), split_table, KeptSteps((), None), f"{one}/"
        )
        for one in horizons
    ]
    ends = await asyncio.gather(*parts, return_exceptions=True)
    gave = StepGave(
        artifact=made.artifact, report=made.report, learned_from=table, naive=made.report.naive
    )
    for horizon, end in zip(horizons, ends, strict=True):
        if isinstance(end, StepFailed):
            raise StepFailed(f"{horizon}: {end}")
        if isinstance(end, Problem):
            raise StepFailed(f"{horizon}: {words_of(end)}")
        if isinstance(end, BaseException):
            raise end
        gave = _with(gave, horizon, end)
    return gave


def _horizons(target: dict[str, JsonValue]) -> list[str]:
    ahead = target["ahead"]
    return [ahead] if isinstance(ahead, str) else [*ahead]


def _split_of(given: StepGave, target: dict[str, JsonValue]) -> dict[str, Any]:
    """Return how the rows are split: by time, whatever is not said. Raises StepFailed."""
    assert given.table is not None, "it was found by it"
    split = {name: one for name, one in given.split.items() if name != "stratify"}
    time = target.get("time") or split.get("column") or _time_in(given.table)
    return {"test": Split().test, **split, "by": "time", "column": time}


def _time_in(table: DatasetSpec) -> str:
    """Return the column with the role time, or the only one of times. Raises StepFailed."""
    roles = [name for name, role in table.roles.items() if role == "time"]
    found = roles or [one.name for one in table.columns if one.type == "timestamp"]
    if len(found) != 1:
        has = f"there are {listed(found)}" if found else "no column has times"
        raise StepFailed(
            f"a forecast needs a column of times, and {has}: name it, target: {{time: NAME}}"
        )
    return found[0]


def _one(work: StepWork, column: str, horizon: str, new: set[str]) -> StepWork:
    """Return the train step for one horizon, whose features were all known at the time of a row."""
    parameters = dict(work.step.parameters)
    target = later(column, horizon)
    parameters |= {"target": target, "task": REGRESSION}
    dropped = [*(parameters.get("drop") or ())]
    if not parameters.get("features"):
        parameters["drop"] = [*dropped, *sorted(new - {target})]
        roles = {} if column in dropped else {column: "feature"}
        parameters["roles"] = {**roles, **(parameters.get("roles") or {})}
    return work._replace(step=replace(work.step, parameters=parameters))


def _with(gave: StepGave, horizon: str, one: StepGave) -> StepGave:
    """Return a result with the trainings of one more horizon."""
    return replace(
        gave,
        session=one.session,
        trainings=gave.trainings + one.trainings,
        artifacts={**gave.artifacts, **one.artifacts},
        estimators={**gave.estimators, **one.estimators},
        studies=gave.studies + one.studies,
        scores={**gave.scores, **one.scores},
        horizons={**gave.horizons, **dict.fromkeys(one.trainings, horizon)},
        notes=(*gave.notes, *(f"{horizon}: {note}" for note in one.notes)),
    )

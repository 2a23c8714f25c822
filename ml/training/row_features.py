"""The row-wise steps of a training: which raw columns they need, and which features they make."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pyarrow as pa

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.errors import InputError
from autolearn.ml.row_steps import RowSteps, raw_of, replaced, sources_of, types_of
from autolearn.ml.steps.context import StepContext
from autolearn.schemas.bounds import listed
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.feature_columns import features_of


@dataclass(frozen=True)
class TrainedSteps:
    """The steps of a training: the raw columns, and the features with their types.

    `table` is the dataset, with those columns as the steps make them that are no features.
    """

    transformer: RowSteps
    raw: list[str]
    features: dict[str, str]
    table: DatasetTable


def steps_of(request: TrainingRequested, table: DatasetTable) -> TrainedSteps:
    """Return the steps of a training, done once on its dataset.

    Raises InputError: one cannot be done, or a feature is made of the target.
    """
    steps = msgspec.json.encode(request.steps, order="deterministic").decode()
    types = msgspec.json.encode(table.types).decode()
    transformer, context = RowSteps(steps, types), StepContext()
    made = transformer.applied(raw_of(table), context)
    found = types_of(made)
    names = features_of(found, request.target, request.features, request.left_out)
    sources = sources_of(list(table.types), made.column_names, context.made_from)
    if leaking := [name for name in names if request.target in sources[name]]:
        raise InputError(
            f"{listed(leaking)} is made of the target {request.target}, which a new row does not "
            "have",
            advice="Drop it, or make it of other columns.",
        )
    needed = set[str]().union(*(sources[name] for name in names))
    raw = [name for name in table.types if name in needed]
    others = _others(request, table, made)
    if both := [name for name in others if name in needed]:
        raise InputError(
            f"{listed(both)} is changed by a step, and features are made of it as it was before",
            advice="Give what the step makes another name.",
        )
    transformer.others = msgspec.json.encode(others).decode()
    return TrainedSteps(
        transformer, raw, {name: found[name] for name in names}, replaced(table, made, others)
    )


def _others(request: TrainingRequested, table: DatasetTable, made: pa.Table) -> list[str]:
    """Return the columns, besides features, that the steps make or change."""
    used = [name for name in (request.target, request.weight, request.split.column) if name]
    before = raw_of(table)
    return [
        name
        for name in dict.fromkeys(used)
        if name in made.column_names
        and not (name in table.types and before[name].equals(made[name]))
    ]

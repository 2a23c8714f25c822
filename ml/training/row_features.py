"""The row-wise steps of a training: which raw columns they need, and which features they make."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.errors import InputError
from autolearn.ml.row_steps import RowSteps, raw_of, sources_of, types_of
from autolearn.ml.steps.context import StepContext
from autolearn.schemas.bounds import listed
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.feature_columns import features_of


@dataclass(frozen=True)
class TrainedSteps:
    """The steps of a training: the raw columns, and the features with their types."""

    transformer: RowSteps
    raw: list[str]
    features: dict[str, str]


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
    return TrainedSteps(transformer, raw, {name: found[name] for name in names})

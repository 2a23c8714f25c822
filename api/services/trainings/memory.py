"""Decides whether a training reads its dataset in batches, and refuses what is too large."""

from __future__ import annotations

from autolearn.api.http.problems import Problem
from autolearn.api.services.trainings.columns import Columns
from autolearn.api.shared.bodies import TrainingBody
from autolearn.api.shared.dataset_checks import wrong
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec
from autolearn.schemas.feature_columns import features_of
from autolearn.schemas.training.batches import unfit_for_batches
from autolearn.schemas.training.memory import memory_of_training
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import Column

_NO_BATCHES = "The training cannot be done in batches"


def in_batches(
    body: TrainingBody,
    estimator: EstimatorSpec,
    data: DatasetSpec,
    columns: Columns,
    how: Preprocessing,
    memory_limit: int,
    snapshot: Snapshot,
) -> bool:
    """Return whether the dataset is read in batches: as asked, else if it needs too much memory.

    Raises:
        Problem: batches are asked for, and do not go with the rest; or all rows at once need more
            memory than the limit, and cannot be read in batches (422).
    """
    target = None if columns.target is None else columns.target.name
    kinds = {one.name: one for one in data.columns}
    names = features_of(kinds, target, columns.features, columns.left_out)
    features = [kinds[name] for name in names]
    faults = dict(
        unfit_for_batches(
            columns.split,
            how,
            {one.name: one.type for one in features},
            body.calibrate,
            None if body.threshold is None else str(body.threshold),
        )
    )
    if not estimator.batches:
        fault = f"{estimator.name} learns from all rows at once{_others(estimator, snapshot)}"
        faults = {("batches",): fault, **faults}
    if body.batches and faults:
        said = {f"#/{'/'.join(place)}": fault for place, fault in faults.items()}
        raise wrong("batches-unfit", _NO_BATCHES, said)
    if body.batches:
        return True
    share = 1.0 if columns.split.kind == "column" else 1 - columns.split.test
    needed = memory_of_training(
        data.rows, data.columns, features, how, estimator.name, body.hyperparameters, share
    )
    if needed <= memory_limit:
        return False
    if body.batches is None and not faults:
        return True
    raise _too_large(needed, memory_limit, data, features, [*faults.values()])


def _too_large(
    needed: int, limit: int, data: DatasetSpec, features: list[Column], why: list[str]
) -> Problem:
    detail = (
        f"{data.rows:,} rows with {len(features):,} features need about {needed:,} MiB, and the "
        f"run may use {limit:,}: choose fewer columns, a sample of the rows, or a memory_limit of "
        f"{needed:,}"
    )
    if why:
        detail += f"; it cannot be read in batches, for {'; and '.join(why)}"
    else:
        detail += "; or let it read in batches"
    return wrong("memory-short", "The dataset needs more memory", {"#/memory_limit": detail})


def _others(estimator: EstimatorSpec, snapshot: Snapshot) -> str:
    """Return the estimators of the task that learn in batches."""
    names = [
        row.spec.name
        for row in snapshot.catalog.estimators()
        if row.spec.task == estimator.task and row.spec.batches
    ]
    return f" (in batches {' and '.join(names)} do)" if names else ""

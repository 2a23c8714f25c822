"""The results of a run's own process, by kind of work. Imports no ML library."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.reports.retrain import Compared
from autolearn.schemas.values import JsonValue
from autolearn.schemas.work_kinds import WORK


class CatalogResult(Struct, frozen=True):
    """The whole catalog; `problems` are sentences about plug-ins that were left out."""

    estimators: tuple[EstimatorSpec, ...]
    metrics: tuple[MetricSpec, ...]
    datasets: tuple[DatasetSpec, ...]
    problems: tuple[str, ...] = ()
    steps: tuple[StepSpec, ...] = ()


class ComparisonResult(Struct, frozen=True):
    """How the predictions of two artifacts compare, by data and by method."""

    answers: tuple[Compared, ...]


RESULTS: dict[str, Any] = {
    **{kind: work.result for kind, work in WORK.items()},
    "catalog": CatalogResult,
    "comparison": ComparisonResult,
    "environment": dict[str, JsonValue],
}
"""The type of each kind's result: of those in `schemas.work_kinds.WORK`, and of more."""

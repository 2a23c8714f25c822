"""What a run's own process gives back, by kind of work. Light: imports nothing that learns."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.reports.retrain import Compared
from autolearn.schemas.values import JsonValue
from autolearn.schemas.work_kinds import WORK

__all__ = ["RESULTS", "CatalogResult", "ComparisonResult"]


class CatalogResult(Struct, frozen=True):
    """Everything on offer; `problems` are sentences about plug-ins that were left out."""

    estimators: tuple[EstimatorSpec, ...]
    metrics: tuple[MetricSpec, ...]
    datasets: tuple[DatasetSpec, ...]
    problems: tuple[str, ...] = ()


class ComparisonResult(Struct, frozen=True):
    """How the answers of two models compare, by data and by method."""

    answers: tuple[Compared, ...]


RESULTS: dict[str, Any] = {
    **{kind: work.result for kind, work in WORK.items()},
    "catalog": CatalogResult,
    "comparison": ComparisonResult,
    "environment": dict[str, JsonValue],
}
"""The type of each kind's result: of those of `schemas.work_kinds.WORK`, and of more."""

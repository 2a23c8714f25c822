"""What a run of work gives back, by kind of work. Light: imports nothing that learns."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.retraining import Compared
from autolearn.schemas.values import JsonValue, TrainedModel

__all__ = ["RESULTS", "CatalogResult", "ComparisonResult", "EvaluationResult", "TrainingResult"]


class TrainingResult(Struct, frozen=True):
    """The fields of `commands.CompleteTraining`, without run, attempt and worker."""

    model: TrainedModel
    parameters: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    rows_train: int
    rows_test: int
    fit_seconds: float
    seconds: float


class EvaluationResult(Struct, frozen=True):
    """The fields of `commands.CompleteEvaluation`, without run, attempt and worker."""

    metrics: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    rows: int
    seconds: float
    left_out: dict[str, str] = {}
    averages: dict[str, str] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()


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
    "training": TrainingResult,
    "evaluation": EvaluationResult,
    "catalog": CatalogResult,
    "comparison": ComparisonResult,
    "environment": dict[str, JsonValue],
}
"""The type of each kind's result; the names are those of `schemas.work.WORK`, and more."""

"""What a run of work gives back: one struct for each kind of work, which its tag `kind` names."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.values import JsonValue, TrainedArtifact

__all__ = ["EvaluationResult", "Result", "TrainingResult", "artifact_of"]


class TrainingResult(Struct, frozen=True, tag_field="kind", tag="training"):
    """The artifact that a training has put into the artifact store.

    `parameters` are the learned parameters (JSON, shortened where large), `environment` the
    library versions, BLAS, threads and processor that made it; times are in seconds: `fit_seconds`
    of the bare fit, `seconds` of the whole attempt in the worker.
    """

    artifact: TrainedArtifact
    parameters: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    rows_train: int
    rows_test: int
    fit_seconds: float
    seconds: float


class EvaluationResult(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="evaluation"):
    """What an evaluation has measured: `results` by metric.

    Each is a number, or a dict with `labels` and `matrix` (confusion matrix). `left_out` says of
    other metrics why there is no result, `averages` what the averages are over. `unseen` says of
    columns of another dataset how many rows have a class or category that the artifact does not
    know; `notes` say which values were taken for which.
    """

    results: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    rows: int
    seconds: float
    left_out: dict[str, str] = {}
    averages: dict[str, str] = {}
    unseen: dict[str, int] = {}
    notes: tuple[str, ...] = ()


Result = TrainingResult | EvaluationResult
"""The result of any kind of work."""


def artifact_of(result: Result) -> TrainedArtifact | None:
    """Return the artifact that a run has made, None if it has made none."""
    return getattr(result, "artifact", None)

"""What a version of a model comes from, and what a grant of a model allows."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autolearn.schemas.values import NO_RUN, DatasetRef, RunId, TrainedArtifact

CHAMPION = "champion"
"""The alias of the version that answers."""

ModelMay = Literal["read", "predict", "promote"]
"""What a grant of a model allows; each includes the ones before: to see it; to ask it; to register
versions, to promote them, and to roll back."""


Recording = Literal["durable", "fast"]
"""How answers are recorded: before they are given, or behind them."""


class VersionSource(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The facts about the training that a version comes from, as they were when it was registered.

    Of an `imported` one, which was made elsewhere, `estimator` is the class of the file's model, or
    onnx, and there is no `dataset`.

    `metrics` are those of its newest evaluation on held-out rows, the `evaluation`. `task` is such
    as classification; `schema_hash` that of the columns that it was trained on.
    """

    estimator: str
    task: str
    target: str | None
    library_version: str
    dataset: DatasetRef
    artifact: TrainedArtifact
    schema_hash: str
    features: tuple[str, ...] = ()
    metrics: dict[str, float] = {}
    evaluation: RunId = NO_RUN
    imported: bool = False

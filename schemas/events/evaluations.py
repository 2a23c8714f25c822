"""Events of evaluations."""

from __future__ import annotations

from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.events.runs import RunRequested
from autolearn.schemas.values import NO_RUN, Baseline, DatasetRef, HeldOut, RunId


class EvaluationRequested(RunRequested, frozen=True, omit_defaults=True, kw_only=True):
    """An evaluation was accepted. `artifact` is the folder of the training's artifact."""

    training: RunId
    artifact: str
    metrics: tuple[str, ...]
    dataset: DatasetRef
    held_out: bool
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    optional: tuple[str, ...] = ()
    positive: str | None = None
    plots: tuple[str, ...] = ()
    baseline_model: Baseline | None = None
    study: RunId = NO_RUN
    held_out_by: HeldOut | None = None

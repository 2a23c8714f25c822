"""Commands of evaluations."""

from __future__ import annotations

from autolearn.schemas.commands.runs import RequestRun
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.values import NO_RUN, Baseline, DatasetRef, HeldOut, RunId


class RequestEvaluation(RequestRun, frozen=True, omit_defaults=True, kw_only=True):
    """Ask for metrics of the artifact of a completed training of the same session.

    With `held_out`, `dataset` is the training's own, and its held-out rows are used; otherwise all
    rows of `dataset` are, or only those that another training holds out (`held_out_by`). Values of
    `sensitive` columns are hidden. `read` says how the dataset is read (None: by the rules before
    that was recorded). Those of `metrics` that are `optional` are left out if they cannot be
    computed; without the others it fails. Metrics of one class are of the class `positive`, if one
    is named. `baseline_model` is that of the training. `plots` are optional too. The `study` is the
    one that asks for it, of its best trial.
    """

    training: RunId
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

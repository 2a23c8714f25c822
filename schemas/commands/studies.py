"""Commands of studies."""

from __future__ import annotations

from autolearn.schemas.commands.runs import RequestRun
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.studies.search import Sampler, StudyCandidate
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.training.row_steps import RowStep
from autolearn.schemas.values import DatasetRef, Split


class RequestStudy(RequestRun, frozen=True, omit_defaults=True, kw_only=True):
    """Ask for a study: a search for the hyperparameters that are best on the folds of the split.

    Each trial is a training of one of the `candidates`, `parallel` of them at a time. The study
    asks for `trials` of them at most, and for none after `budget` seconds (None: no bound), when it
    stops those that go on. `sampler` chooses by `seed` and the trials that have ended. Trials are
    compared by the mean of `metric` over the folds, `maximize` says in which direction. With
    `prune`, a trial ends early if its folds are worse than the median of others. The other fields
    are those of its trials, as in RequestTraining; the limits as well.
    """

    candidates: tuple[StudyCandidate, ...]
    metric: str
    maximize: bool
    sampler: Sampler
    trials: int
    parallel: int
    task: str
    dataset: DatasetRef
    target: str | None
    schema_hash: str
    split: Split
    preprocessing: Preprocessing
    seed: int
    fold_metrics: tuple[str, ...]
    budget: float | None = None
    prune: bool = False
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    features: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    weight: str | None = None
    calibrate: str | None = None
    threshold: str | None = None
    steps: tuple[RowStep, ...] = ()

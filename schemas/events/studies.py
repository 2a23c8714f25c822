"""Events of studies."""

from __future__ import annotations

from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.events.runs import RunRequested
from autolearn.schemas.studies.search import Sampler, StudyCandidate
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.training.row_steps import RowStep
from autolearn.schemas.values import DatasetRef, Split


class StudyRequested(RunRequested, frozen=True, omit_defaults=True, kw_only=True):
    """A study was accepted. The fields are those of `commands.RequestStudy`."""

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

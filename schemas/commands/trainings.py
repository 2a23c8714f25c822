"""Commands of trainings."""

from __future__ import annotations

from autolearn.schemas.commands.runs import RequestRun
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.messages import Command
from autolearn.schemas.results import TrainingResult
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.training.row_steps import RowStep
from autolearn.schemas.values import NO_RUN, Column, DatasetRef, JsonValue, RunId, Split


class RequestTraining(RequestRun, frozen=True, omit_defaults=True, kw_only=True):
    """Ask for one training of an estimator in an open session.

    `seed` (0 to 2^32-1) fixes every random choice of the split and the fit. Values of `sensitive`
    columns are hidden. `read` says how the dataset is read (None: by the rules before that was
    recorded). The features are those named by `features`; empty: all columns but the target and
    those of `left_out`, which maps each to the reason (a code of LEFT_OUT). In fits, a row counts
    as the column `weight` says. The folds of the split are scored by `fold_metrics`.
    `calibrate` (sigmoid or isotonic) makes probabilities what they say; from the `threshold` on, a
    probability as in 0.3:yes or the best by a metric as in f1:yes, the class is predicted. Both are
    validated on training rows. With `batches` the dataset is read, and learned from, in batches of
    rows: then the split is by hash, or a column says which rows are held out. The `steps` of a
    pipeline are done first, and are part of the artifact: `features`, `left_out` and the
    preprocessing are of the columns after them.

    A `trial` of a study names the `study`, and its number in it, from 0. With `medians`, one for
    each fold, it ends once the mean of its folds so far is worse than the median of so many folds
    of others (by the first of `fold_metrics`).
    """

    estimator: str
    task: str
    library_version: str
    dataset: DatasetRef
    target: str | None
    schema_hash: str
    hyperparameters: dict[str, JsonValue]
    split: Split
    preprocessing: Preprocessing
    seed: int
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    features: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    weight: str | None = None
    fold_metrics: tuple[str, ...] = ()
    calibrate: str | None = None
    threshold: str | None = None
    batches: bool = False
    steps: tuple[RowStep, ...] = ()
    study: RunId = NO_RUN
    trial: int | None = None
    medians: tuple[float, ...] = ()


class ImportTraining(Command, frozen=True, omit_defaults=True, kw_only=True):
    """Take a model that was made elsewhere into an open session, as a completed training.

    `estimator` is the class of the file's model, or onnx, and `library_version` that of the library
    that wrote it. `columns` are the features, in the order of the artifact's schema. The `result`
    has the artifact, and the environment in which it was checked.
    """

    run: RunId
    estimator: str
    task: str
    library_version: str
    target: str | None
    schema_hash: str
    features: tuple[str, ...]
    columns: tuple[Column, ...]
    result: TrainingResult
    sensitive: tuple[str, ...] = ()

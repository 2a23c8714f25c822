"""Commands of predictions."""

from __future__ import annotations

from autolearn.schemas.commands.runs import RequestRun
from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.models.backtests import Backtest
from autolearn.schemas.values import DatasetRef, PredictionForm, RunId


class RequestPrediction(RequestRun, frozen=True, omit_defaults=True, kw_only=True):
    """Ask for the predictions of a completed training for all rows of `dataset`.

    `sent` rows came with the request: they are no dataset of the catalog, `dataset` has the name of
    their file, and they are kept for a day. `read` says how the file is read. The predictions stand
    beside `input_columns` of the rows. Values of `sensitive` columns are hidden from messages. The
    output has one `form`, or each. `model` was asked, which has the training as `model_version`.
    With a `backtest` the rows are what that model was asked, and the answers are compared. The data
    have so many `rows`; 0: that is not known.
    """

    training: RunId
    dataset: DatasetRef
    sent: bool = False
    read: ReadOptions | None = None
    input_columns: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    form: PredictionForm | None = None
    model: str = ""
    model_version: int = 0
    backtest: Backtest | None = None
    rows: int = 0

"""Events of predictions."""

from __future__ import annotations

from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.events.runs import RunRequested
from autolearn.schemas.models.backtests import Backtest
from autolearn.schemas.values import DatasetRef, PredictionForm, RunId


class PredictionRequested(RunRequested, frozen=True, omit_defaults=True, kw_only=True):
    """A prediction was accepted. `artifact` is the folder of the training's artifact.

    `rows` are those of the data, 0 if that was not recorded.
    """

    training: RunId
    artifact: str
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

"""Checks requests for predictions before they go to the log."""

from __future__ import annotations

from typing import NamedTuple

from autolearn.api.shared.columns.model_columns import check_columns, no_training
from autolearn.api.shared.columns.sensitive_columns import sensitive_in
from autolearn.api.shared.dataset_checks import RunLimits, wrong
from autolearn.api.shared.lookup import RunOwner
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import PREDICTED_ROWS
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import RequestPrediction
from autolearn.schemas.feature_columns import features_of
from autolearn.schemas.rest.runs import TrainingRow
from autolearn.schemas.values import Column, PredictionForm, RunId


class Model(NamedTuple):
    """A training that predicts, the version of its dataset, and the newest one: None if gone."""

    training: TrainingRow
    own: DatasetSpec | None
    newest: DatasetSpec | None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of its data, as far as they are known here."""
        return self.training.columns if self.own is None else self.own.columns

    @property
    def features(self) -> list[str]:
        """The columns from which it has learned, as far as they are known here."""
        training = self.training
        names = (column.name for column in self.columns)
        return features_of(names, training.target, training.features, training.left_out)


def model_of(snapshot: Snapshot, owner: RunOwner, asked: RunId) -> Model:
    """Return a training that predicts.

    Raises:
        Problem: there is none (422).
    """
    training = snapshot.runs.training(owner.id, asked)
    if training is None:
        raise no_training(snapshot, owner, asked)
    own = snapshot.catalog.dataset(training.dataset.name, training.dataset.version)
    newest = snapshot.catalog.dataset(training.dataset.name)
    specs = (None if row is None else row.spec for row in (own, newest))
    return Model(training, *specs)


def request_prediction(
    run: RunId,
    model: Model,
    data: DatasetSpec,
    snapshot: Snapshot,
    limits: RunLimits,
    *,
    sent: bool,
    with_input: bool,
    form: PredictionForm | None = None,
) -> RequestPrediction:
    """Return the command for the predictions of all rows of `data`; `limits` are those of the run.

    The columns with the role id are repeated in the output; `with_input` all are. Those that are
    sensitive never are.

    Raises:
        Problem: the data do not have the columns of the training, or too many rows (422).
    """
    pointer = "#/rows" if sent else "#/dataset"
    check_columns(model.training, data, snapshot, target=False, pointer=pointer)
    if data.rows > PREDICTED_ROWS:
        fault = (
            f"{data.name} has {data.rows:,} rows, and at most {PREDICTED_ROWS:,} are predicted at "
            "once: send them in parts"
        )
        raise wrong("too-many-rows", "There are too many rows", {pointer: fault})
    known = [one for one in (model.own, model.newest, data) if one is not None]
    sensitive = {*model.training.sensitive}.union(*map(sensitive_in, known))
    ids = {name for one in known for name, role in one.roles.items() if role == "id"}
    shown = [column.name for column in data.columns if column.name not in sensitive]
    return RequestPrediction(
        run=run,
        training=model.training.id,
        dataset=data.ref,
        sent=sent,
        **limits._asdict(),
        read=data.read,
        input_columns=tuple(name for name in shown if with_input or name in ids),
        sensitive=tuple(sorted(sensitive)),
        form=form,
        rows=data.rows,
    )

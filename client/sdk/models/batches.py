"""What a version of a model predicts as work for a worker: datasets, and what was asked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import EXAMINED, Call, Flow, ask
from autolearn.client.sdk.handles.pages import Pages
from autolearn.client.sdk.handles.predictions import AsyncPredictionHandle, PredictionHandle
from autolearn.client.sdk.handles.run_methods import Wait, seconds_of_wait, waiting
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.operation import Either, either
from autolearn.client.sdk.paths import segment
from autolearn.schemas.catalog import BUNDLED_DATASETS
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.runs import Prediction
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.values import PredictionForm

_ENDINGS: dict[str, PredictionForm] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".json": "jsonl",
}
_DATASET = "dataset:"


class Destination(NamedTuple):
    """Where predictions go: into a file of a form, or into a new version of a dataset."""

    form: PredictionForm
    file: Path | None = None
    dataset: str = ""

    def put(self, prediction: Any) -> Flow[None]:
        """Put the rows of a completed prediction there: a file appears when it is whole."""
        if self.file is not None:
            yield from prediction._fetched(self.file, self.form)
        else:
            yield from prediction._as_dataset(self.dataset)


def destination_of(to: Path | str) -> Destination:
    """Return where predictions go: FILE.csv, FILE.jsonl, FILE.parquet, or dataset:NAME.

    Raises:
        BadArgument: nothing can be written there, or its form is not known.
    """
    if isinstance(to, str) and to.startswith(_DATASET):
        name = to.removeprefix(_DATASET)
        if not KINDS["dataset"].fits(name):
            raise BadArgument(f"{name!r} is no name of a dataset: it has {KINDS['dataset'].words}.")
        if name in BUNDLED_DATASETS:
            raise BadArgument(f"{name} comes with AutoLearn.", advice="Choose another name.")
        return Destination("parquet", dataset=name)
    file = Path(to)
    form = _ENDINGS.get(file.suffix.lower())
    if form is None:
        raise BadArgument(
            f"{to} has no ending of a known form.",
            advice=f"Name a file that ends in {', '.join(_ENDINGS)}; or dataset:NAME.",
        )
    folder = file.parent
    if not folder.is_dir():
        raise BadArgument(f"{to} cannot be written: there is no folder {folder}.")
    if file.is_dir():
        raise BadArgument(f"{to} cannot be written: it is a folder.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadArgument(f"{to} cannot be written: {os.strerror(error.errno or 0)}.") from None
    return Destination(form, file)


class _Version(RunParent):
    """A version of a model, below whose path its predictions are."""

    def __init__(self, model: str, version: int | str) -> None:
        super().__init__(model, "model")
        self.version = version

    @property
    def path(self) -> str:
        """Its path."""
        return f"/v1/models/{segment(self.id)}/versions/{segment(str(self.version))}"


def dataset_predicted(
    part: Any,
    model: str,
    version: int | str,
    to: Path | str | None,
    body: dict[str, object],
    wait: Wait,
    key: str | None,
    *,
    raise_on_failure: bool,
) -> Flow[Either[PredictionHandle, AsyncPredictionHandle]]:
    """Request that a version predicts a dataset, wait for it, and put the rows where they go.

    Raises:
        BadArgument: nothing can be written there, or it is not waited for.
    """
    limit = seconds_of_wait(wait)
    going = None if to is None else destination_of(to)
    if going is not None:
        if limit is None:
            raise BadArgument("The rows are there at the end.", advice="Wait, or leave out to=….")
        body = {**body, "form": going.form, "with_input": body["with_input"] or bool(going.dataset)}
    at = f"/v1/models/{segment(model)}/versions/{segment(str(version))}/predictions"
    if version == CHAMPION:
        at = f"/v1/models/{segment(model)}/predictions"
    asked = Call("POST", at, Prediction, body=body, key=key)
    handle = _handle_of(part, (yield from ask(waiting(asked, limit))))
    if limit is not None:
        yield from handle._until_ended(limit, raise_on_failure=raise_on_failure)
    if going is not None and handle.data.status == "completed":
        yield from going.put(handle)
    made: Either[PredictionHandle, AsyncPredictionHandle] = handle
    return made


def batches_of(
    part: Any, model: str, version: int | str, limit: int | None
) -> Pages[PredictionHandle, AsyncPredictionHandle]:
    """List the datasets that a version has predicted."""
    call = Call("GET", f"{_Version(model, version).path}/predictions", Page[Prediction])
    return Pages(call, lambda one: _handle_of(part, one), limit)


def backtested(
    part: Any,
    model: str,
    body: dict[str, object],
    wait: Wait,
    key: str | None,
    *,
    raise_on_failure: bool,
) -> Flow[Either[PredictionHandle, AsyncPredictionHandle]]:
    """Request a backtest, and wait for it."""
    limit = seconds_of_wait(wait)
    at = f"/v1/models/{segment(model)}/backtests"
    asked = Call("POST", at, Prediction, body=body, key=key, grace=EXAMINED)
    handle = _handle_of(part, (yield from ask(waiting(asked, limit))))
    if limit is not None:
        yield from handle._until_ended(limit, raise_on_failure=raise_on_failure)
    made: Either[PredictionHandle, AsyncPredictionHandle] = handle
    return made


def backtests_of(
    part: Any, model: str, limit: int | None
) -> Pages[PredictionHandle, AsyncPredictionHandle]:
    """List the backtests of a model."""
    call = Call("GET", f"/v1/models/{segment(model)}/backtests", Page[Prediction])
    return Pages(call, lambda one: _handle_of(part, one), limit)


def _handle_of(part: Any, data: Prediction) -> Any:
    kinds = PredictionHandle, AsyncPredictionHandle
    return either(part, *kinds, part._http, _Version(data.model, data.model_version), data)

"""Predictions as objects: wait for them, and fetch their rows, as a file or a data frame."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args

from autolearn.client.sdk.errors import BadArgument, PredictionFailed
from autolearn.client.sdk.flows import EXAMINED, Call, Flow, ask, fetch
from autolearn.client.sdk.handles.frames import is_frame, needed, parquet_of
from autolearn.client.sdk.handles.run_methods import (
    SHORT_ID,
    Data,
    RunMethods,
    Wait,
    seconds_of_wait,
    waiting,
)
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.operation import Either, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.rest.runs import Prediction
from autolearn.schemas.results import PREDICTION_FILES
from autolearn.schemas.values import PredictionForm

if TYPE_CHECKING:
    import httpx
    import pandas as pd

Rows = Union[Path, str, "pd.DataFrame"]
"""Rows to predict: the path of a file, or a data frame of pandas, polars or pyarrow."""
_MEDIA = dict(zip(get_args(PredictionForm), PREDICTION_FILES, strict=True))


class PredictionMethods(RunMethods[Prediction]):
    """A prediction: `rows` are its number of rows, in the order of the input."""

    _kind, _type, _failed = "prediction", Prediction, PredictionFailed
    _fields = frozenset(Prediction.__struct_fields__)
    _index: Any = None
    """The index of the data frame that was predicted."""

    @operation
    def download(self, path: Path | str, form: PredictionForm | None = None) -> Flow[Path]:
        """Fetch the rows into a file, checked by its hash; by its ending, else as CSV.

        A prediction that was asked for in one form is of that form.

        Raises:
            BadArgument: it is not completed, or there is no such form.
            Problem: its rows are gone: they are kept for a day at most.
        """
        path = Path(path)
        only = self.data.form or "csv"
        by_name = next((one for one in _MEDIA if path.suffix == f".{one}"), only)
        if (form or by_name) not in _MEDIA:
            raise BadArgument(f"{form!r} is no form of rows: choose {', '.join(_MEDIA)}.")
        yield from self._fetched(path, form or by_name)
        return path

    @operation
    def to_frame(self) -> Flow[pd.DataFrame]:
        """Fetch the rows as a data frame, in the order of the input and with its index.

        Raises:
            MissingPackage: pandas or pyarrow is not installed.
            BadArgument: it is not completed.
            Problem: its rows are gone: they are kept for a day at most.
        """
        return self._frame()

    def _frame(self) -> Flow[pd.DataFrame]:
        needed("pyarrow", "to_frame()")
        pandas = needed("pandas", "to_frame()")
        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            path = Path(folder) / "rows.parquet"
            yield from self._fetched(path, "parquet")
            frame: pd.DataFrame = pandas.read_parquet(path, engine="pyarrow")
        return frame if self._index is None else frame.set_axis(self._index)

    @operation
    def to_dataset(self, name: str) -> Flow[Dataset]:
        """Make a version of a dataset of the rows, with all their columns.

        Raises:
            BadArgument: it is not completed.
            Problem: its rows are gone, or the dataset is somebody else's.
        """
        return self._as_dataset(name)

    def _as_dataset(self, name: str) -> Flow[Dataset]:
        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            path = Path(folder) / "rows.parquet"
            yield from self._fetched(path, "parquet")
            at = f"/v1/catalog/datasets/{segment(name)}"
            source = f"predictions:{self.data.session}@{self.id}"
            said = {"accept_changes": True, "accept_findings": True, "made_from": source}
            media = "application/octet-stream"
            call = Call("PUT", at, Dataset, said, path, media=media, grace=EXAMINED)
            return (yield from ask(call))

    def _fetched(self, path: Path, form: str) -> Flow[None]:
        output, media = self.data.output, _MEDIA[form]
        if output is None:
            raise BadArgument(f"{self._name()} has no rows: it is {self._state()}.")
        if PREDICTION_FILES[media] not in output.files:
            raise BadArgument(f"{self._name()} was asked for as {self.data.form} only.")
        sha256 = output.files[PREDICTION_FILES[media]]
        yield from self._owner.ask(
            lambda at: fetch(
                Call("GET", f"{self._path(at)}/rows", bytes, accept=media), path, sha256
            )
        )

    def _name(self) -> str:
        by = f"training {self.data.training[:SHORT_ID]}"
        if self.data.model:
            by = f"{self.data.model}@{self.data.model_version}"
        kind = "Prediction" if self.data.backtest is None else "Backtest"
        return f"{kind} {self.id[:SHORT_ID]} of {by}"

    def _title(self) -> str:
        rows = "" if self.data.rows is None else f", {self.data.rows:,} rows"
        return f"{self._name()}: {self._state()}{rows}"

    def _about(self) -> dict[str, object]:
        by_model, compared = self.data.model != "", self.data.comparison
        return {
            "prediction": self.id[:SHORT_ID],
            "training": self.data.training[:SHORT_ID],
            **({"model": self.data.model, "version": self.data.model_version} if by_model else {}),
            "of": self.data.dataset.name,
            "status": self._state(),
            "reason": self.data.reason,
            "rows": self.data.rows,
            "columns": ", ".join(self.data.columns),
            "agreement": None if compared is None else compared.agreement,
            **self.data.counts,
        }


def predicted(
    part: Any,
    rows: Rows | None,
    dataset: Data | None,
    about: Mapping[str, object],
    wait: Wait,
    key: str | None,
    name: str | None = None,
    *,
    raise_on_failure: bool,
) -> Flow[Either[PredictionHandle | pd.DataFrame, AsyncPredictionHandle | pd.DataFrame]]:
    """Request a prediction, and wait for it; a completed one of a data frame is a data frame.

    Raises:
        BadArgument: rows and a dataset are given, or none; or a data frame cannot be sent.
        MissingPackage: a data frame needs pandas and pyarrow.
    """
    framed = is_frame(rows)
    if framed:
        needed("pandas", "A prediction of a data frame")
    owner: RunParent = part._owner
    limit = seconds_of_wait(wait)
    data = yield from _requested(owner, rows, dataset, about, limit, key, name)
    kinds = PredictionHandle, AsyncPredictionHandle
    handle: Any = either(part, *kinds, part._http, owner, data)
    handle._index = getattr(rows, "index", None) if hasattr(rows, "reset_index") else None
    if limit is not None:
        yield from handle._until_ended(limit, raise_on_failure=raise_on_failure)
    done = framed and limit is not None and handle.data.status == "completed"
    made: Either[PredictionHandle | pd.DataFrame, AsyncPredictionHandle | pd.DataFrame]
    made = (yield from handle._frame()) if done else handle
    return made


def _requested(
    owner: RunParent,
    rows: Rows | None,
    dataset: Data | None,
    about: Mapping[str, object],
    limit: float | None,
    key: str | None,
    name: str | None,
) -> Flow[Prediction]:
    """Request a prediction of rows or of a dataset.

    Raises:
        BadArgument, MissingPackage: as `predicted`.
    """
    if (rows is None) == (dataset is None):
        raise BadArgument("Give the rows of a data frame or a file, or a dataset.")
    if rows is None:
        body = {**about, "dataset": dataset}
        return owner.ask(
            lambda at: ask(
                waiting(Call("POST", f"{at}/predictions", Prediction, body=body, key=key), limit)
            )
        )
    content: Path | bytes
    if isinstance(rows, Path | str):
        content = Path(rows)
        name = name or content.name
    elif is_frame(rows):
        content, name = parquet_of(rows), name or "rows.parquet"
    else:
        raise BadArgument(
            f"{type(rows).__name__} is no rows.", advice="Give a data frame or the path of a file."
        )
    query = {**about, "name": name, "with_input": about["with_input"] or None}
    sent = "application/octet-stream"
    return owner.ask(
        lambda at: ask(
            waiting(
                Call(
                    "PUT", f"{at}/predictions", Prediction, query, content,
                    media=sent, key=key, grace=EXAMINED,
                ),
                limit,
            )
        )
    )  # fmt: skip


class PredictionHandle(PredictionMethods, BlockingPart):
    """A prediction."""

    def __init__(self, http: httpx.Client, owner: RunParent, data: Prediction) -> None:
        super().__init__(http)
        self._begin(owner, data)


class AsyncPredictionHandle(PredictionMethods, AwaitingPart):
    """A prediction, to await."""

    def __init__(self, http: httpx.AsyncClient, owner: RunParent, data: Prediction) -> None:
        super().__init__(http)
        self._begin(owner, data)

"""Predictions as objects: wait for them, and fetch their rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from autolearn.client.sdk.errors import BadArgument, PredictionFailed
from autolearn.client.sdk.flows import EXAMINED, Call, Flow, ask, fetch
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.handles.runs import Data, RunMethods, waiting
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.rest.runs import Prediction
from autolearn.schemas.results import PREDICTION_FILES

if TYPE_CHECKING:
    import httpx

Form = Literal["csv", "jsonl", "parquet"]
"""The form of a file of predictions."""
_MEDIA = dict(zip(get_args(Form), PREDICTION_FILES, strict=True))
_SHORT = 8


class PredictionMethods(RunMethods[Prediction]):
    """A prediction: `rows` are its number of rows, in the order of the input."""

    _kind, _type, _failed = "prediction", Prediction, PredictionFailed
    _fields = frozenset(Prediction.__struct_fields__)

    @operation
    def download(self, path: Path | str, form: Form | None = None) -> Flow[Path]:
        """Fetch the rows into a file, checked by its hash; by its ending, else as CSV.

        Raises:
            BadArgument: it is not completed, or there is no such form.
            Problem: its rows are gone: they are kept for a day at most.
        """
        path = Path(path)
        form = form or next((one for one in _MEDIA if path.suffix == f".{one}"), "csv")
        if form not in _MEDIA:
            raise BadArgument(f"{form!r} is no form of rows: choose {', '.join(_MEDIA)}.")
        output, media = self.data.output, _MEDIA[form]
        if output is None:
            raise BadArgument(f"{self._name()} has no rows: it is {self._state()}.")
        sha256 = output.files[PREDICTION_FILES[media]]
        yield from self._owner.ask(
            lambda at: fetch(
                Call("GET", f"{self._path(at)}/rows", bytes, accept=media), path, sha256
            )
        )
        return path

    def _name(self) -> str:
        return f"Prediction {self.id[:_SHORT]} of training {self.data.training[:_SHORT]}"

    def _title(self) -> str:
        rows = "" if self.data.rows is None else f", {self.data.rows:,} rows"
        return f"{self._name()}: {self._state()}{rows}"

    def _about(self) -> dict[str, object]:
        return {
            "prediction": self.id[:_SHORT],
            "training": self.data.training[:_SHORT],
            "of": self.data.dataset.name,
            "status": self._state(),
            "reason": self.data.reason,
            "rows": self.data.rows,
            "columns": ", ".join(self.data.columns),
            **self.data.counts,
        }


def requested(
    owner: RunParent,
    rows: Path | str | None,
    dataset: Data | None,
    about: Mapping[str, object],
    limit: float | None,
    key: str | None,
    name: str | None = None,
) -> Flow[Prediction]:
    """Request a prediction of the rows of a file, or of a dataset.

    Raises:
        BadArgument: both are given, or none.
    """
    if (rows is None) == (dataset is None):
        raise BadArgument("Give the rows of a file, or a dataset.")
    if rows is None:
        body = {**about, "dataset": dataset}
        return owner.ask(
            lambda at: ask(
                waiting(Call("POST", f"{at}/predictions", Prediction, body=body, key=key), limit)
            )
        )
    path = Path(rows)
    query = {**about, "name": name or path.name, "with_input": about["with_input"] or None}
    sent = "application/octet-stream"
    return owner.ask(
        lambda at: ask(
            waiting(
                Call(
                    "PUT", f"{at}/predictions", Prediction, query, path,
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

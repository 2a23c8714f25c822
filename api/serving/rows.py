"""The friendly form: rows as JSON or CSV, and their answers."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from autolearn.api.http.problems import Problem
from autolearn.api.serving.asked_models import AskedModel
from autolearn.schemas.bounds import ONLINE_ROWS, ONLINE_VALUES, WARNINGS_SHOWN, cut
from autolearn.schemas.codec import is_too_deep
from autolearn.schemas.rest.models import Inference, InferencePart, InferenceWarning
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:  # scikit-learn is imported with the first model
    from autolearn.ml.errors import InputError
    from autolearn.ml.prediction.online import Answered, OnlineModel

_DEEPEST = 4


class GivenRows(Protocol):
    """The rows of a request by column: so many values of each."""

    @property
    def columns(self) -> Mapping[str, Sequence[Any]]:
        """The values by column; one that was not sent is ABSENT."""

    @property
    def rows(self) -> int:
        """The number of rows."""


def columns_of(records: Sequence[dict[str, JsonValue]]) -> dict[str, list[Any]]:
    """Return rows by column; a value that was not sent is ABSENT.

    Raises:
        Problem: there are too many (422).
    """
    from autolearn.ml.prediction.row_checks import ABSENT

    if len(records) > ONLINE_ROWS:
        raise _refused(
            f"There are {len(records):,} rows, and at most {ONLINE_ROWS:,} are answered at once: "
            "send them in parts, or predict them as a file (autolearn predict TRAINING FILE)."
        )
    names = dict.fromkeys(name for record in records for name in record)
    if len(names) * len(records) > ONLINE_VALUES:  # each row may have other columns
        raise _refused(
            f"There are {len(records):,} rows with {len(names):,} columns together, and at most "
            f"{ONLINE_VALUES:,} values are answered at once: leave out what the model does not use."
        )
    return {name: [record.get(name, ABSENT) for record in records] for name in names}


def inference(
    said: Answered,
    model: str,
    number: int,
    request: str,
    combine: str = "",
    parts: Sequence[InferencePart] = (),
) -> Inference:
    """Return the answers to rows as they are sent; `request` is the id of the request."""
    kinds = Counter(one.kind for one in said.warnings)
    return Inference(
        model=model,
        version=number,
        request=request,
        predictions=said.rows,
        warnings=[
            InferenceWarning(one.row, one.column, one.kind, one.detail)
            for one in said.warnings[:WARNINGS_SHOWN]
        ],
        warned={str(kind): many for kind, many in kinds.items()},
        unused=said.unused,
        combine=combine,
        parts=[*parts],
    )


def answer(given: GivenRows, asked: AskedModel) -> Answered:
    """Answer the rows of a request.

    Raises:
        Problem: they do not fit (422).
    """
    from autolearn.ml.errors import InputError

    try:
        return asked.loaded.model.answer_columns(given.columns, given.rows, given.columns)
    except InputError as error:
        raise unfit(error, asked.model) from None


def unfit(error: InputError, model: str) -> Problem:
    """Return the problem of rows that do not fit a model, or a step that it keeps."""
    from autolearn.ml.prediction.row_checks import RowsRefused

    faults = [
        {"pointer": f"#/records/{one.row}/{one.column}".rstrip("/"), "detail": one.detail}
        for one in (error.faults if isinstance(error, RowsRefused) else ())
    ]
    detail = f"{cut(error.detail, 1000)}. GET /v1/models/{model}/schema says what is wanted."
    return Problem(422, "row-unfit", "A row does not fit the model", detail, errors=faults)


def records_in(content: bytes, media: str, online: OnlineModel) -> list[dict[str, JsonValue]]:
    """Return the rows of a body.

    Raises:
        Problem: it is no JSON object or CSV, or has no rows (400, 415, 422).
    """
    if media == "text/csv":
        records = _csv_rows(content, online)
    elif media == "application/json" or media.endswith("+json"):
        records = _json_rows(content, online)
    else:
        detail = f"It is {media[:100]!r}: send application/json or text/csv."
        raise Problem(415, "not-json", "The body is neither JSON nor CSV", detail)
    if not records:
        raise _refused("There is no row: send one at least.")
    return records


def _json_rows(content: bytes, online: OnlineModel) -> list[dict[str, JsonValue]]:
    """Return the rows of JSON, in which CSV may be: what is sealed is always JSON."""
    try:
        given = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        detail = f"It cannot be read as JSON (RFC 8259): {error}."
        raise Problem(400, "not-json", "The body is not JSON", detail) from None
    if is_too_deep(content, _DEEPEST):
        raise _refused("It is nested too deeply: a row is an object of plain values.")
    if isinstance(given, dict) and [*given] == ["csv"] and isinstance(given["csv"], str):
        return _csv_rows(given["csv"].encode(), online)
    if isinstance(given, dict) and [*given] == ["records"]:
        given = given["records"]
    records = given if isinstance(given, list) else [given]
    if not all(isinstance(one, dict) for one in records):
        raise _refused("A row is an object of values by column; several are {records: [row, …]}.")
    return records


def _csv_rows(content: bytes, online: OnlineModel) -> list[dict[str, JsonValue]]:
    """Return the rows of CSV (RFC 4180) in UTF-8 with a header; an empty field is a gap."""
    from autolearn.ml.errors import InputError
    from autolearn.ml.prediction.csv_rows import csv_rows

    types = {name: column.type for name, column in online.columns.items()}
    try:
        return csv_rows(content, types)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Problem(400, "not-csv", "The body is not CSV", f"{error}.") from None
    except InputError as error:
        raise _refused(error.detail) from None


def _refused(detail: str) -> Problem:
    return Problem(422, "invalid-body", "The body does not fit", detail)

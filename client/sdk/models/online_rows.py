"""Rows for a model that answers, and its answers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import msgspec

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.frames import is_frame, needed
from autolearn.client.sdk.paths import segment
from autolearn.schemas.bounds import ONLINE_ROWS
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.records.prediction import PRODUCTION, Purpose
from autolearn.schemas.rest.models import Inference

if TYPE_CHECKING:
    import pandas as pd

Record = Mapping[str, Any]
OnlineRows = Union["pd.DataFrame", Sequence[Record], Record, Path, str]
"""Rows: a data frame, records, one record, or the path of a CSV file."""
_PREFIX = "probability_"


def answered(
    model: str,
    rows: OnlineRows,
    version: str,
    combine: str = "",
    others: Sequence[str] = (),
    purpose: Purpose = PRODUCTION,
) -> Flow[Any]:
    """Ask a model, and `others`; the answer has the form of the rows."""
    asked = partial(asked_in_parts, model, version, combine=combine, others=others, purpose=purpose)
    if is_frame(rows):
        needed("pandas", "predict()")
        given: Any = rows
        frame: pd.DataFrame = given if hasattr(given, "iloc") else given.to_pandas()
        records = [plain_record(record) for record in frame.to_dict("records")]
        said = yield from asked(_in_parts(records))
        return _frame([one for part in said for one in part.predictions], frame.index)
    if isinstance(rows, Mapping):
        said = yield from asked(_in_parts([plain_record(rows)]))
        return _predictions(said)[0]
    if isinstance(rows, str | Path):
        said = yield from asked(csv_parts(Path(rows)))
    elif isinstance(rows, list | tuple) and rows and all(isinstance(one, Mapping) for one in rows):
        said = yield from asked(_in_parts([plain_record(one) for one in rows]))
    else:
        raise BadArgument(
            f"{type(rows).__name__} is no row.",
            advice="Give a data frame, a dict, a list of dicts with a row at least, or the path of "
            "a CSV file.",
        )
    return _predictions(said)


def _predictions(said: Sequence[Inference]) -> list[dict[str, Any]]:
    """Return the answers to rows; with `parts` by version, where each was wanted."""
    found: list[dict[str, Any]] = []
    for one in said:
        for at, row in enumerate(one.predictions):
            if one.combine == "each":
                parts = {f"{p.model}@{p.version}": p.predictions[at] for p in one.parts}
                found.append({**row, "parts": parts})
            else:
                found.append(row)
    return found


def asked_in_parts(
    model: str,
    version: str,
    parts: Iterator[tuple[bytes, str]],
    combine: str = "",
    others: Sequence[str] = (),
    purpose: Purpose = PRODUCTION,
) -> Flow[list[Inference]]:
    """Ask a model about rows, part by part: the body and its media type."""
    at = f"/v1/models/{segment(model)}"
    at += "/predict" if version == CHAMPION else f"/versions/{segment(version)}/predict"
    query: dict[str, object] = {"purpose": None if purpose == PRODUCTION else purpose}
    if combine or others:
        query |= {"with": ",".join(map(str, others)), "combine": combine or "each"}
    said = []
    for body, media in parts:
        said.append((yield from ask(Call("POST", at, Inference, query, body=body, media=media))))
    return said


def csv_parts(path: Path) -> Iterator[tuple[bytes, str]]:
    """Yield a CSV file in parts, each with the header.

    Raises:
        BadArgument: it is no CSV in UTF-8, or cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            header, rows = next(lines, None), list[list[str]]()
            if header is None:
                raise BadArgument(f"{path} is empty.", advice="Its first line is the header.")
            for line in lines:
                rows.append(line)
                if len(rows) == ONLINE_ROWS:
                    yield _csv_of([header, *rows])
                    rows = []
            if rows:
                yield _csv_of([header, *rows])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadArgument(f"{path} cannot be read as CSV: {error}.") from None


def json_parts(text: str) -> Iterator[tuple[bytes, str]]:
    """Yield rows in JSON, a record or a list of them, in parts.

    Raises:
        BadArgument: they are none.
    """
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise BadArgument(f"The rows are no JSON: {error}.") from None
    records = given if isinstance(given, list) else [given]
    if not records or not all(isinstance(one, dict) for one in records):
        raise BadArgument('A row is {"column": value, …}; several are a list of these.')
    return _in_parts(records)


def _in_parts(records: Sequence[Record]) -> Iterator[tuple[bytes, str]]:
    for start in range(0, len(records), ONLINE_ROWS):
        part = records[start : start + ONLINE_ROWS]
        yield msgspec.json.encode({"records": part}), "application/json"


def _csv_of(lines: Sequence[Sequence[str]]) -> tuple[bytes, str]:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return msgspec.json.encode({"csv": out.getvalue()}), "application/json"


def plain_record(record: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a record as JSON has it: None for what is missing. Raises BadArgument."""
    return {str(name): _plain(value) for name, value in record.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: None for a missing one, text for a time."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, date | datetime):
        return None if value != value else value.isoformat()
    if hasattr(value, "item"):  # of numpy
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        raise BadArgument("A row has an infinite number.", advice="Give None for a gap.")
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def _frame(predictions: Sequence[Record], index: Any) -> pd.DataFrame:
    """Return answers as a data frame; probabilities are a column for each class."""
    rows = [
        {
            **{name: value for name, value in one.items() if name != "probabilities"},
            **{f"{_PREFIX}{label}": of for label, of in one.get("probabilities", {}).items()},
        }
        for one in predictions
    ]
    frame: pd.DataFrame = needed("pandas", "predict()").DataFrame(rows)
    return frame.set_axis(index)

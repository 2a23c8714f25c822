"""What models should have answered: said by people, and compared with their answers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.frames import is_frame, needed
from autolearn.client.sdk.handles.handle import Handle
from autolearn.client.sdk.models.online_rows import plain_record
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.bounds import TRUTHS, listed
from autolearn.schemas.rest.models import ModelVersion, RegisteredModel
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.predictions import RecordedPrediction
from autolearn.schemas.rest.truths import AddedTruths, ModelTruths, Unlabelled

if TYPE_CHECKING:
    import pandas as pd

Record = Mapping[str, Any]
TruthRows = Union["pd.DataFrame", Sequence[Record], Record, Path, str]
"""Truths: a data frame, records, one record, or the path of a CSV file."""
_COLUMN = "truth"
"""The column of the label or number, by default."""
_LABELLED = 50_000


class TruthMethods(Handle[RegisteredModel]):
    """What a model should have answered."""

    @operation
    def add_truths(
        self,
        rows: TruthRows,
        *,
        key: Sequence[str] = (),
        column: str = _COLUMN,
        replace: bool = False,
        since: str = "",
    ) -> Flow[AddedTruths]:
        """Say what rows that were asked are in truth, at most 10,000: all of them, or none.

        `rows` have the columns `request` (the id that an answer has), `row` (its number in the
        request, from 0; without it 0) and `truth`, or another `column` with the label or number.
        With `key` they have columns that were asked instead of `request` and `row`, whose values
        name one row since a time (RFC 3339), by default 30 days ago.

        The same truth again is harmless. Another one is refused unless it may `replace` the first.

        Raises:
            BadArgument: these are no truths.
            MissingPackage: a data frame needs pandas.
            Problem: nobody asked that, the model does not know a label, a value is no number, a row
            has another truth, or one may not promote.
        """
        body = {"truths": _truths_in(rows, [*key], column), "replace": replace, "since": since}
        return ask(Call("POST", _at(self.data.name, "truths"), AddedTruths, body=body))

    @operation
    def label(
        self,
        request: str,
        value: object = None,
        *,
        row: int = 0,
        right: bool = False,
        replace: bool = False,
    ) -> Flow[AddedTruths]:
        """Say that an answer was `right`, or the `value` that it should have been.

        Raises:
            Problem: as for `add_truths`.
        """
        said = {"right": True} if right else {"value": plain_record({_COLUMN: value})[_COLUMN]}
        body = {"truths": [{"request": request, "row": row, **said}], "replace": replace}
        return ask(Call("POST", _at(self.data.name, "truths"), AddedTruths, body=body))

    @operation
    def truths(self, *, since: str = "", version: int = 0, limit: int = 50) -> Flow[ModelTruths]:
        """Compare answers since a time (RFC 3339; by default 30 days ago) with their truths.

        `versions` have the metrics, `items` the newest answers, at most 500.

        Raises:
            Problem: the time is malformed, or one may not promote.
        """
        query = {"since": since or None, "version": version or None, "limit": limit}
        return ask(Call("GET", _at(self.data.name, "truths"), ModelTruths, query))

    @operation
    def unlabelled(self, *, since: str = "", limit: int = 20) -> Flow[Unlabelled]:
        """List rows that were answered and have no truth yet, the least certain first.

        At most 500, and since a time (RFC 3339), by default 30 days ago.

        Raises:
            Problem: the time is malformed, or one may not promote.
        """
        query = {"since": since or None, "limit": limit}
        return ask(Call("GET", _at(self.data.name, "unlabelled"), Unlabelled, query))

    @operation
    def labelled(self, *, since: str = "") -> Flow[list[dict[str, Any]]]:
        """Return the rows that have a truth, with that in the target's column: the next training.

        They were asked since a time (RFC 3339), by default 30 days ago, and come newest first: the
        columns that were asked, and the target. At most 50,000 rows.

        Raises:
            BadArgument: there are more, or too many truths came since then.
            Problem: the time is malformed, or one may not promote.
        """
        rows, _ = yield from self._labelled(since)
        return rows

    @operation
    def labelled_by_versions(
        self, *, since: str = ""
    ) -> Flow[tuple[list[dict[str, Any]], list[int]]]:
        """Return the answer of `labelled`, and the versions that answered these rows."""
        return (yield from self._labelled(since))

    def _labelled(self, since: str) -> Flow[tuple[list[dict[str, Any]], list[int]]]:
        name = self.data.name
        version = yield from ask(Call("GET", _at(name, "versions/champion"), ModelVersion))
        target = (version.source and version.source.target) or _COLUMN
        begin = since or (datetime.now(UTC) - timedelta(days=30)).isoformat()
        rows, versions, page = list[dict[str, Any]](), set[int](), None
        while True:
            query = {"since": begin, "limit": 500, "page": page}
            call = Call("GET", _at(name, "prediction-log"), Page[RecordedPrediction], query)
            found = yield from ask(call)
            for one in found.items:
                told = [*_with_truth(one, target)]
                rows += told
                versions |= {one.version} if told else set()
            if len(rows) > _LABELLED:
                raise BadArgument(
                    f"More than {_LABELLED:,} rows have a truth.", advice="Give a later `since`."
                )
            page = found.next
            if page is None:
                return rows, sorted(versions)


def _with_truth(one: RecordedPrediction, target: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a request that have a truth. Raises BadArgument."""
    if one.truths is None:
        raise BadArgument(
            f"Too many truths came since {one.time} for a look at all.",
            advice="Give a later `since`.",
        )
    if one.inputs is None or one.shadow_of:
        return
    for truth in one.truths:
        row = {name: of[truth.row] for name, of in one.inputs.items() if name != target}
        yield {**row, target: truth.value}


def _at(model: str, what: str) -> str:
    return f"/v1/models/{segment(model)}/{what}"


def _truths_in(rows: TruthRows, key: Sequence[str], column: str) -> list[dict[str, Any]]:
    """Return truths as they are sent.

    Raises:
        BadArgument: a column is missing, or these are no rows.
        MissingPackage: a data frame needs pandas.
    """
    if is_frame(rows):
        needed("pandas", "add_truths()")
        frame: Any = rows
        frame = frame if hasattr(frame, "iloc") else frame.to_pandas()
        records = [plain_record(one) for one in frame.to_dict("records")]
    elif isinstance(rows, str | Path):
        records = _csv_records(Path(rows))
    else:
        given: Any = [rows] if isinstance(rows, Mapping) else rows
        if not isinstance(given, list | tuple) or not all(isinstance(r, Mapping) for r in given):
            raise BadArgument(f"{type(rows).__name__} has no truths.", advice=_advice(key, column))
        records = [plain_record(one) for one in given]
    if not records:
        raise BadArgument("There is no truth: give one row at least.")
    if len(records) > TRUTHS:
        raise BadArgument(
            f"There are {len(records):,} truths, and at most {TRUTHS:,} are taken at once.",
            advice="Give them in parts.",
        )
    return [_sent(number, one, key, column) for number, one in enumerate(records)]


def _sent(number: int, record: Record, key: Sequence[str], column: str) -> dict[str, Any]:
    """Return one truth as it is sent. Raises BadArgument."""
    wanted = [*(key or ["request"]), column]
    if missing := [name for name in wanted if name not in record]:
        raise BadArgument(
            f"Row {number} has no column {listed(missing)}: it has {listed([*record])}.",
            advice=_advice(key, column),
        )
    if empty := [name for name in wanted if record[name] in (None, "")]:
        raise BadArgument(f"Row {number} has no value of {listed(empty)}.")
    if key:
        return {"key": {name: record[name] for name in key}, "value": record[column]}
    row = record.get("row")
    try:
        at = 0 if row in (None, "") else int(str(row).removesuffix(".0"))
    except ValueError:
        raise BadArgument(f"Row {number}: {row!r} is no number of a row, from 0.") from None
    return {"request": str(record["request"]), "row": at, "value": record[column]}


def _advice(key: Sequence[str], column: str) -> str:
    where = listed([*key]) if key else "request (the id of an answer), row (from 0; it may be left)"
    return f"Give rows with the columns {where}, and {column} (or name another column)."


def _csv_records(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a CSV file in UTF-8. Raises BadArgument."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            header = next(lines, [])
            if len({*header}) < len(header):
                raise BadArgument(f"The header of {path} has a name twice.")
            records = list[dict[str, Any]]()
            for line in lines:
                if line and len(line) != len(header):
                    raise BadArgument(
                        f"Line {lines.line_num} of {path} has {len(line)} fields, and the header "
                        f"{len(header)}."
                    )
                if line:
                    records.append(dict(zip(header, line, strict=True)))
                if len(records) > TRUTHS:
                    break
            return records
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadArgument(f"{path} cannot be read as CSV: {error}.") from None

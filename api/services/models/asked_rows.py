"""What was asked of a model, and answered, as a table: the data of a backtest.

A row for each asked row, in the order of the partitions of the prediction log and of their records.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autolearn.api.http.problems import Problem
from autolearn.api.services.models.prediction_records import opened_content
from autolearn.eventlog.log import RecordSource
from autolearn.runtime.timestamps import text
from autolearn.schemas.bounds import BACKTEST_BYTES, BACKTEST_RECORDS, BACKTEST_ROWS, listed
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, CLUSTERING, REGRESSION
from autolearn.schemas.codec import from_json
from autolearn.schemas.datasets.read_options import LETTERS, ReadOptions
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.models.backtests import ANSWER, REQUEST, ROW, SCORE, TRUTH, VERSION, Backtest
from autolearn.schemas.records.prediction import PRODUCTION, PredictionContent, PredictionRecord
from autolearn.schemas.rest.truths import RowTruth
from autolearn.security.data_key import Unreadable

if TYPE_CHECKING:  # pyarrow is imported with the first backtest
    import pyarrow as pa

_BATCH = 10_000
"""Rows that are held in memory."""
_READ = 5_000
"""Records that are read at a time."""
_SLACK = 60_000
"""Milliseconds by which a record's time stamp may be before that of its id."""
_ANSWERS = {
    CLASSIFICATION: ("prediction", "string"),
    REGRESSION: ("prediction", "number"),
    CLUSTERING: ("cluster", "string"),
    ANOMALY_DETECTION: ("anomaly", "boolean"),
}
"""By task the recorded column with the answer, and the type of its values."""
_REASONS = 20
"""Reasons for which requests are left out that are kept, the most frequent ones."""
_UNREADABLE = "some cannot be read any more"
_ERASED = "some were erased"
_OTHER_TASK = "some were answered by a version with another task"
_GAP = type(None)
_TYPES: dict[str, set[type]] = {
    "boolean": {bool, _GAP},
    "number": {float, int, _GAP},
    "string": {str, _GAP},
    "timestamp": {str, _GAP},
}
"""The types of JSON values of a column."""
_LETTER = {kind: letter for letter, kind in LETTERS.items()}


class AskedRows(NamedTuple):
    """The requests to a model in a time (milliseconds since 1970), and the columns of their rows.

    `columns` are those that the version needs, with their types: boolean, number, string or
    timestamp; `task` is its own, and `task_of` that of any version. `against` is the version that
    must have answered, 0: any. `truths` are what is known of them, by request and row.
    """

    model: str
    since: int
    until: int
    against: int
    task: str
    columns: Mapping[str, str]
    task_of: Callable[[int], str]
    truths: Mapping[str, Mapping[int, RowTruth]] = MappingProxyType({})
    counts: Callable[[PredictionRecord], bool] = lambda record: record.erased is None


class LogPart(NamedTuple):
    """The log to read, its topic of predictions, and the cipher of a key and a purpose."""

    log: RecordSource
    topic: str
    cipher: Callable[[str, str], AESGCM]


def freeze(part: LogPart, wanted: AskedRows, path: Path) -> tuple[Backtest, ReadOptions]:
    """Write the rows that were asked into a Parquet file, and return what they are (blocks).

    Raises:
        Problem: there are none (422), or too many (422).
        LogError: the log cannot be read.
    """
    from pyarrow import parquet

    left_out = Counter[str]()
    answered, requests = Counter[int](), 0
    table = _Table(wanted)
    with parquet.ParquetWriter(path, table.schema) as writer:
        for record, content in _asked(part, wanted, left_out):
            if why := table.add(record, content):
                left_out[why] += 1
                continue
            requests += 1
            answered[record.version] += record.rows - len(_gone(record))
            if table.size >= _BATCH:
                writer.write_table(table.taken())
                if answered.total() > BACKTEST_ROWS or path.stat().st_size > BACKTEST_BYTES:
                    raise _too_many(f"More than {answered.total():,} rows were asked", wanted)
        writer.write_table(table.taken())
    if answered.total() > BACKTEST_ROWS or path.stat().st_size > BACKTEST_BYTES:
        raise _too_many(f"{answered.total():,} rows were asked", wanted)
    if not requests:
        raise _nothing(wanted, left_out)
    backtest = Backtest(
        since=text(wanted.since),
        until=text(wanted.until),
        against=wanted.against,
        requests=requests,
        rows={str(version): many for version, many in sorted(answered.items())},
        left_out=dict(left_out.most_common(_REASONS)),
    )
    letters = "".join(_LETTER[kind] for kind in table.kinds.values())
    return backtest, ReadOptions(format="parquet", types=letters)


def _asked(
    part: LogPart, wanted: AskedRows, left_out: Counter[str]
) -> Iterator[tuple[PredictionRecord, PredictionContent]]:
    """Yield the requests that somebody was answered; count those that are left out."""
    cipher = functools.cache(part.cipher)
    since, until = text(wanted.since), text(wanted.until)
    for record in _records(part, wanted):
        if (
            record.model != wanted.model
            or record.shadow_of
            or record.purpose != PRODUCTION
            or not since <= record.time < until
            or wanted.against not in (0, record.version)
            or not wanted.counts(record)
        ):
            continue
        if len(_gone(record)) == record.rows:
            left_out[_ERASED] += 1
            continue
        if wanted.task_of(record.version) != wanted.task:
            left_out[_OTHER_TASK] += 1
            continue
        try:
            content = msgspec.json.decode(opened_content(record, cipher), type=PredictionContent)
            yield record, content
        except (Unreadable, msgspec.DecodeError):
            left_out[_UNREADABLE] += 1


def _records(part: LogPart, wanted: AskedRows) -> Iterator[PredictionRecord]:
    """Yield the records of a model, and perhaps others, partition by partition.

    Raises:
        Problem: there are too many records of all models.
    """
    log, topic = part.log, part.topic
    begins, ends = log.offsets_at(topic, max(1, wanted.since - _SLACK)), log.ends(topic)
    if (many := sum(max(0, ends[p] - begin) for p, begin in begins.items())) > BACKTEST_RECORDS:
        raise _too_many(f"All models together were asked {many:,} times", wanted)
    prefix = f"{wanted.model}/".encode()
    for partition, begin in sorted(begins.items()):
        at, end = begin, ends[partition]
        with closing(log.reader(topic, {partition: begin})) as reader:
            while at < end and (records := reader.read(_READ, 2.0)):
                at = records[-1].offset + 1
                for one in records:
                    if one.value is None or one.offset >= end:
                        continue
                    if one.key is None or one.key.startswith(prefix):
                        yield from _decoded(one.value)


def _gone(record: PredictionRecord) -> tuple[int, ...]:
    """Return the erased rows of a request."""
    return () if record.erased is None else record.erased.rows


def _decoded(value: bytes) -> Iterator[PredictionRecord]:
    try:
        yield from_json(value, PredictionRecord)
    except MalformedRecord:
        return  # it was not written by us


class _Table:
    """The rows that are not yet written, by column."""

    def __init__(self, wanted: AskedRows) -> None:
        import pyarrow as pa

        self.wanted = wanted
        self.answer, answers = _ANSWERS[wanted.task]
        self.kinds = {**wanted.columns, REQUEST: "string", ROW: "integer", VERSION: "integer"}
        self.kinds |= {ANSWER: answers, SCORE: "number", TRUTH: answers}
        types: dict[str, pa.DataType] = {
            "boolean": pa.bool_(),
            "integer": pa.int64(),
            "number": pa.float64(),
            "string": pa.string(),
            "timestamp": pa.timestamp("us", tz="UTC"),
        }
        self.schema = pa.schema([(name, types[kind]) for name, kind in self.kinds.items()])
        self.values: dict[str, list[Any]] = {name: [] for name in self.kinds}
        self.size = 0

    def add(self, record: PredictionRecord, content: PredictionContent) -> str:
        """Add the rows of a request; return why they are left out, "" if they are not."""
        inputs, outputs, size = content.inputs, content.outputs, record.rows
        found: list[Sequence[Any]] = []
        for name, kind in self.wanted.columns.items():
            values = _typed(inputs.get(name, ()), kind)
            if values is None:
                return f"some have values of another type in {name}"
            found.append(values)
        if any(len(values) != size for values in found):
            lacking = [name for name in self.wanted.columns if name not in inputs]
            return f"some have no {listed(lacking)}" if lacking else _UNREADABLE
        answers = outputs.get(self.answer, ())
        if len(answers) != size:
            return _UNREADABLE
        found += [[record.id] * size, range(size), [record.version] * size]
        found += self._recorded(answers, outputs)
        found.append(self._truths(record.id, size))
        if gone := _gone(record):
            found = [[one for at, one in enumerate(more) if at not in gone] for more in found]
        for values, more in zip(self.values.values(), found, strict=True):
            values += more
        self.size += size - len(gone)
        return ""

    def _recorded(
        self, answers: Sequence[Any], outputs: Mapping[str, list[Any]]
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return the recorded answers, and how sure each was."""
        nothing: list[Any] = [None] * len(answers)
        if self.wanted.task == CLASSIFICATION:
            shares = [outputs.get(f"probability_{label}", nothing) for label in answers]
            return [*map(str, answers)], [one[at] for at, one in enumerate(shares)]
        if self.wanted.task == ANOMALY_DETECTION:
            return answers, outputs.get("score", nothing)
        return [*map(str, answers)] if self.wanted.task == CLUSTERING else answers, nothing

    def _truths(self, request: str, size: int) -> Sequence[Any]:
        """Return the truth of each row of a request, None where none is known."""
        known = self.wanted.truths.get(request)
        if not known:
            return [None] * size
        kind = str if self.wanted.task == CLASSIFICATION else float
        return [kind(known[row].value) if row in known else None for row in range(size)]

    def taken(self) -> pa.Table:
        """Return the rows, which are forgotten."""
        import pyarrow as pa

        table = pa.table(self.values, schema=self.schema)
        self.values, self.size = {name: [] for name in self.kinds}, 0
        return table


def _typed(values: Sequence[Any], kind: str) -> Sequence[Any] | None:
    """Return values of a column of a type; None if one of them is of another."""
    types = {*map(type, values)}
    if not types <= _TYPES[kind]:
        return None
    if kind == "timestamp":
        return _times(values)
    if int in types:
        return [None if one is None else float(one) for one in values]
    return values


def _times(values: Sequence[str | None]) -> list[datetime | None] | None:
    """Return times in UTC; one without a zone is one of UTC."""
    try:
        times = [None if one is None else datetime.fromisoformat(one) for one in values]
        return [one and (one if one.tzinfo else one.replace(tzinfo=UTC)) for one in times]
    except ValueError:
        return None


def _too_many(what: str, wanted: AskedRows) -> Problem:
    detail = (
        f"{what} since {text(wanted.since)}, and a backtest has at most {BACKTEST_ROWS:,} rows of "
        f"{BACKTEST_BYTES // 2**20} MiB, from {BACKTEST_RECORDS:,} requests to all models: choose "
        "a later `since`."
    )
    errors = [{"pointer": "#/since", "detail": detail}]
    return Problem(422, "too-many-rows", "There are too many rows", detail, errors=errors)


def _nothing(wanted: AskedRows, left_out: Counter[str]) -> Problem:
    """Return the problem of a time in which nothing was asked that can be asked again."""
    by = f" and answered by version {wanted.against}" if wanted.against else ""
    asked = f"asked of {wanted.model}{by} from {text(wanted.since)} to {text(wanted.until)}"
    if not left_out:
        detail = f"Nothing was {asked}: choose an earlier `since`."
        errors = [{"pointer": "#/since", "detail": detail}]
        return Problem(422, "nothing-asked", "Nothing was asked", detail, errors=errors)
    whys = "; ".join(f"{why} ({many:,})" for why, many in left_out.most_common(5))
    detail = f"Nothing that was {asked} can be asked again. Of the requests, {whys}."
    errors = [{"pointer": "#/version", "detail": detail}]
    return Problem(422, "nothing-to-replay", "No request can be replayed", detail, errors=errors)

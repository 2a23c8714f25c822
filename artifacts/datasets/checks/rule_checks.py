"""The one checker of tables by rules: of datasets, of steps, and of batches that a model predicts.

Memory is bounded: a batch of rows at a time, and eight bytes a row for each rule of uniqueness.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from autolearn.artifacts.datasets.column_profile import label_of
from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.rule_fit import NUMBERS, unfit, unfit_type
from autolearn.schemas.datasets.rule_words import age_words, figure, is_number, say_rule, time_words
from autolearn.schemas.datasets.rules import BrokenRow, DataRule, RuleOutcome

pc: Any = compute
Values = Any
Mask = Any
"""An array of numpy: True for each row that breaks a rule."""
Batch = Mapping[str, Values]
"""Rows: an Arrow array for each column."""

_MOST_SAMPLES = 20
"""Rows that an outcome shows."""
_IN_WORDS = 3
"""Rows that its words name."""
_HASHES = 30_000_000
"""Rows that rules of uniqueness look at, all of them together: 240 MB, and as much to sort."""
_CLOSE = 1e-9
"""The relative difference up to which sums of fractions are equal."""
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}


def _is_missing(values: Values) -> Mask:
    """Return which values are missing."""
    return _marks(pc.is_null(values, nan_is_null=pa.types.is_floating(values.type)))


def is_outside(values: Values, minimum: float | None, maximum: float | None) -> Mask:
    """Return which numbers or times lie outside a range, inclusive; times by seconds since 1970."""
    numbers = _numbers(values)
    outside = np.zeros(len(numbers), bool)
    with np.errstate(invalid="ignore"):
        if minimum is not None:
            outside |= numbers < minimum
        if maximum is not None:
            outside |= numbers > maximum
    return outside


def _is_unknown(values: Values, known: Collection[str]) -> Mask:
    """Return which values are none of the known ones; a missing one is not unknown."""
    if _kind(values.type) in NUMBERS:
        numbers = [float(one) for one in known if is_number(one)]
        found = np.isin(_numbers(values), numbers)
    else:
        texts = pc.cast(values, pa.string())
        found = _marks(pc.is_in(texts, pa.array([*known], pa.string())))
    return ~found & ~_is_missing(values)


def _numbers(values: Values) -> Any:
    """Return numbers, or seconds since 1970, as float64; NaN where a value is missing."""
    if pa.types.is_temporal(values.type):
        moments = pc.cast(pc.cast(values, pa.timestamp("us"), safe=False), pa.int64())
        values = pc.divide(pc.cast(moments, pa.float64(), safe=False), 1e6)
    elif not pa.types.is_floating(values.type):
        values = pc.cast(values, pa.float64(), safe=False)
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _marks(values: Values) -> Mask:
    return np.asarray(values.to_numpy(zero_copy_only=False), bool)


def _kind(kind: pa.DataType) -> str:
    """Return the type of a column by that of its array."""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "timestamp"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "string"
    return str(kind)


def kinds_of(schema: pa.Schema) -> dict[str, str]:
    """Return the types of the columns of a table; others than those of datasets by Arrow's name."""
    return {
        one.name: _kind(one.type.value_type if pa.types.is_dictionary(one.type) else one.type)
        for one in schema
    }


class TableChecker:
    """Checks a table by rules, a batch of rows after the other.

    `types` are those of its columns, `hidden` the columns whose values are not shown, and `now` is
    the time of the check, in seconds since 1970.
    """

    def __init__(
        self,
        rules: Iterable[DataRule],
        types: Mapping[str, str],
        *,
        now: float,
        hidden: Collection[str] = (),
    ) -> None:
        self.rows, self.now = 0, now
        self._types, self._hidden = types, frozenset(hidden)
        self._checks = [self._check_of(one) for one in rules]
        unique = [one for one in self._checks if isinstance(one, _Unique)]
        for one in unique:
            one.most = _HASHES // len(unique)

    def columns(self) -> list[str]:
        """Return the columns that it looks at."""
        return [*dict.fromkeys(name for one in self._checks for name in one.looks_at)]

    def add(self, batch: Batch, rows: int) -> None:
        """Check rows."""
        batch = {name: _plain(values) for name, values in batch.items()}
        for one in self._checks:
            if one.looks_at:
                one.add(batch, self.rows)
        self.rows += rows

    def outcomes(self) -> tuple[RuleOutcome, ...]:
        """Return the outcome of each rule, in their order."""
        return (*(one.outcome(self.rows) for one in self._checks),)

    def _check_of(self, rule: DataRule) -> _Check:
        why = unfit(rule, self._types)
        if not why and rule.kind == "type":
            why = unfit_type(rule, self._types)
        if why or rule.kind in ("present", "type"):
            return _Settled(rule, why)
        if rule.kind == "rows":
            return _Rows(rule)
        if rule.kind == "unique":
            return _Unique(rule)
        if rule.kind == "fresh":
            return _Fresh(rule, self.now)
        kind = _Complete if rule.kind in ("complete", "filled") else _Rowwise
        return kind(rule, self._hidden)


def _plain(values: Values) -> Values:
    """Return values without a dictionary, in one piece."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values


class _Check:
    """One rule, and what was found so far."""

    def __init__(self, rule: DataRule) -> None:
        self.rule = rule
        self.looks_at: tuple[str, ...] = rule.names

    def add(self, batch: Batch, first: int) -> None:
        """Look at rows, of which the first has a number."""

    def outcome(self, rows: int) -> RuleOutcome:
        """Return the outcome of the rule in so many rows."""
        raise NotImplementedError

    def _outcome(
        self,
        found: str,
        broken: int = 0,
        rows: int = 0,
        sample: Sequence[BrokenRow] = (),
        *,
        met: bool,
    ) -> RuleOutcome:
        rule = self.rule
        return RuleOutcome(
            rule=say_rule(rule),
            severity=rule.severity,
            met=met,
            found=found,
            broken=broken,
            of=rows,
            columns=rule.names,
            sample=(*sample,),
        )


class _Settled(_Check):
    """A rule that the columns and their types meet, or not."""

    def __init__(self, rule: DataRule, unfit: str) -> None:
        super().__init__(rule)
        self.looks_at = ()
        self.unfit = unfit

    def outcome(self, rows: int) -> RuleOutcome:
        """Return why the columns do not fit, if they do not."""
        return self._outcome(self.unfit or "it is so", rows=rows, met=not self.unfit)


class _Rows(_Check):
    """The number of rows."""

    def outcome(self, rows: int) -> RuleOutcome:
        """Return whether there are as many rows as wanted."""
        low, high = self.rule.minimum, self.rule.maximum
        met = (low is None or rows >= low) and (high is None or rows <= high)
        return self._outcome(f"there are {rows:,}", rows=rows, met=met)


class _Rowwise(_Check):
    """A rule that each row meets, or not."""

    def __init__(self, rule: DataRule, hidden: Collection[str]) -> None:
        super().__init__(rule)
        self.broken, self.sample = 0, list[BrokenRow]()
        self.shown = [name for name in rule.names if name not in hidden]

    def add(self, batch: Batch, first: int) -> None:
        """Count the rows that break the rule."""
        marks = _broken(self.rule, batch)
        self.broken += int(np.count_nonzero(marks))
        if len(self.sample) < _MOST_SAMPLES:
            for row in np.flatnonzero(marks)[: _MOST_SAMPLES - len(self.sample)].tolist():
                values = {name: _text(batch[name][row].as_py()) for name in self.shown}
                self.sample.append(BrokenRow(first + row, values))

    def outcome(self, rows: int) -> RuleOutcome:
        """Return how many rows break it."""
        if not self.broken:
            return self._outcome(f"all {rows:,} rows are so", rows=rows, met=True)
        verb = "is" if self.broken == 1 else "are"
        said = f"{self.broken:,} of {rows:,} rows {verb} not{_such_as(self.sample, self.broken)}"
        return self._outcome(said, self.broken, rows, self.sample, met=False)


class _Complete(_Rowwise):
    """The share of rows in which a column has a value."""

    def outcome(self, rows: int) -> RuleOutcome:
        """Return whether the share is as large as wanted; a table without rows has all."""
        least = 1.0 if self.rule.kind == "filled" else self.rule.minimum or 0.0
        share = 1.0 if not rows else (rows - self.broken) / rows
        met = share >= least
        verb = "is" if self.broken == 1 else "are"
        said = f"{self.broken:,} of {rows:,} values {verb} missing"
        sample = [] if met else [BrokenRow(one.row) for one in self.sample]
        return self._outcome(said, self.broken, rows, sample, met=met)


class _Fresh(_Check):
    """The age of the newest time."""

    def __init__(self, rule: DataRule, now: float) -> None:
        super().__init__(rule)
        self.now, self.newest = now, -np.inf

    def add(self, batch: Batch, first: int) -> None:  # noqa: ARG002 - as the others
        """Look for a newer time."""
        moments = _numbers(batch[self.rule.columns[0]])
        present = moments[~np.isnan(moments)]
        if len(present):
            self.newest = max(self.newest, float(present.max()))

    def outcome(self, rows: int) -> RuleOutcome:
        """Return whether the newest time is as young as wanted."""
        if not np.isfinite(self.newest):
            return self._outcome("there is no time", rows=rows, met=False)
        most = self.rule.maximum or 0
        met = self.now - self.newest <= most
        said = f"the newest time is {time_words(self.newest)}"
        older = "" if met else f", more than {age_words(most)} ago"
        return self._outcome(f"{said}{older}", rows=rows, met=met)


class _Unique(_Check):
    """Rows that repeat the values of columns; a row without one of them repeats nothing."""

    def __init__(self, rule: DataRule) -> None:
        super().__init__(rule)
        self.most, self.seen = _HASHES, 0
        self.hashes, self.places = list[Any](), list[Any]()

    def add(self, batch: Batch, first: int) -> None:
        """Keep a hash of each row: with 64 bits two of 30 million are equal once in 40,000 tables.

        Numbers of one column are no hashes, but themselves.
        """
        columns = [batch[name] for name in self.rule.columns]
        absent = np.logical_or.reduce([_is_missing(one) for one in columns])
        self.seen += len(absent)
        if self.seen > self.most:
            self.hashes, self.places = [], []
            return
        hashes = _hashes(columns[0])
        for one in columns[1:]:
            with np.errstate(over="ignore"):
                hashes = _mixed(_mixed(hashes) + _hashes(one))
        kept = np.flatnonzero(~absent)
        self.hashes.append(hashes[kept])
        self.places.append((first, None if len(kept) == len(absent) else kept))

    def outcome(self, rows: int) -> RuleOutcome:
        """Return how many rows repeat another one."""
        if self.seen > self.most:
            said = f"it cannot be checked: of at most {self.most:,} rows it is looked at"
            return self._outcome(said, rows=rows, met=False)
        hashes = np.concatenate(self.hashes) if self.hashes else np.zeros(0, np.uint64)
        ordered = np.sort(hashes)
        again = ordered[1:][ordered[1:] == ordered[:-1]]
        if not len(again):
            return self._outcome(f"no two of {rows:,} rows are the same", rows=rows, met=True)
        sample = [BrokenRow(row) for row in self._repeats(hashes, again)]
        verb = "repeats" if len(again) == 1 else "repeat"
        said = f"{len(again):,} of {rows:,} rows {verb} another one{_such_as(sample, len(again))}"
        return self._outcome(said, len(again), rows, sample, met=False)

    def _repeats(self, hashes: Any, again: Any) -> list[int]:
        """Return the numbers of the first rows that repeat an earlier one."""
        places = np.flatnonzero(np.isin(hashes, again[:_MOST_SAMPLES]))
        seen, found = set[int](), list[int]()
        for place in places.tolist():
            value = int(hashes[place])
            if value in seen:
                found.append(place)
            seen.add(value)
        numbers = [
            np.arange(first, first + len(part)) if kept is None else first + kept
            for part, (first, kept) in zip(self.hashes, self.places, strict=True)
        ]
        rows = np.concatenate(numbers)
        return [int(rows[place]) for place in found[:_MOST_SAMPLES]]


def _hashes(values: Values) -> Any:
    """Return 64 bits for each value, equal ones for equal values."""
    kind = values.type
    if pa.types.is_temporal(kind):
        values = pc.cast(pc.cast(values, pa.timestamp("us"), safe=False), pa.int64())
    elif pa.types.is_decimal(kind):
        values = pc.cast(values, pa.float64(), safe=False)
    if pa.types.is_integer(values.type):
        filled = pc.fill_null(values, pa.scalar(0, values.type))
        return filled.to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
    if pa.types.is_floating(values.type):
        numbers = _numbers(values).astype(np.float64) + 0.0  # of the two zeros the positive one
        return numbers.view(np.uint64)
    texts = values.to_pylist()
    return np.fromiter(map(hash, texts), np.int64, len(texts)).view(np.uint64)


def _mixed(bits: Any) -> Any:
    """Spread 64 bits (the finalizer of SplitMix64, Steele, Lea, Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _broken(rule: DataRule, batch: Batch) -> Mask:
    """Return which rows of a batch break a rule of rows."""
    values = batch[rule.columns[0]]
    match rule.kind:
        case "range" | "number":
            return is_outside(values, rule.minimum, rule.maximum)
        case "known":
            return _is_unknown(values, rule.values)
        case "filled" | "complete":
            return _is_missing(values)
    return _unrelated(rule, batch)


def _unrelated(rule: DataRule, batch: Batch) -> Mask:
    """Return the rows whose columns do not stand in a relation; not those that miss a value."""
    left, right = ([batch[name] for name in names] for names in (rule.columns, rule.others))
    absent = np.logical_or.reduce([_is_missing(one) for one in (*left, *right)])
    compare = _OPERATORS[rule.operator]
    if len(left) == len(right) == 1:
        ours, theirs = left[0], right[0]
        if pa.types.is_string(ours.type) or pa.types.is_boolean(ours.type):
            differs = np.array([a != b for a, b in zip(ours.to_pylist(), theirs.to_pylist(),
                                                       strict=True)], bool)  # fmt: skip
            return (differs if rule.operator == "==" else ~differs) & ~absent
        if ours.type == theirs.type and pa.types.is_integer(ours.type):
            zero = pa.scalar(0, ours.type)
            whole = (
                pc.fill_null(one, zero).to_numpy(zero_copy_only=False) for one in (ours, theirs)
            )
            return ~compare(*whole) & ~absent
    sums = np.add.reduce([_numbers(one) for one in left])
    others: Any = np.add.reduce([_numbers(one) for one in right]) if right else rule.bound
    with np.errstate(invalid="ignore"):
        close = np.isclose(sums, others, rtol=_CLOSE, atol=0)
        met = compare(sums, others)
    if rule.operator in ("==", "<=", ">="):
        met |= close
    else:
        met &= ~close
    return ~met & ~absent


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return label_of(value, "boolean")
    if isinstance(value, date):
        return str(value).removesuffix("+00:00").removesuffix(" 00:00:00")
    return cut(figure(value) if isinstance(value, float) else str(value))


def _such_as(sample: Sequence[BrokenRow], broken: int) -> str:
    """Return the words that name the first rows."""
    if not sample:
        return ""
    shown = []
    for one in sample[:_IN_WORDS]:
        values = ", ".join(
            f"{cut(name)} {'missing' if value is None else value}"
            for name, value in one.values.items()
        )
        shown.append(f"row {one.row} ({values})" if values else f"row {one.row}")
    return f"{', such as' if broken > len(shown) else ':'} {', '.join(shown)}"

"""The values of one column: counts, quantiles and a histogram, in bounded memory.

Up to _KEPT numbers or times are kept and sorted, so that everything is exact; of more of them a
random half is dropped each time that the bound is reached. Different texts are counted exactly up
to _COUNTED, then as the frequent items of a stream are: J. Misra and D. Gries, "Finding repeated
elements", Science of Computer Programming 2 (1982); batches are merged as in P. Agarwal et al.,
"Mergeable summaries", PODS 2012. Mean and deviation are of all values (T. Chan, G. Golub and R.
LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983)).
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from autolearn.artifacts.datasets.first_rows import json_values
from autolearn.artifacts.datasets.typed_batches import Batch
from autolearn.schemas.bounds import LONGEST_NAME, cut
from autolearn.schemas.datasets.look import ColumnSummary, Histogram
from autolearn.schemas.values import JsonValue

pc: Any = compute
Array = np.ndarray[Any, Any]

_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_TOP = 20
_BINS = 10
_COUNTED, _KEPT = 200_000, 16_000_000
"""Different values that are counted, and numbers that are kept (8 bytes each)."""
_FEW = 10_000
"""Different numbers that are counted as they come, before the kept ones are sorted."""
_UNITS = (86_400_000_000, 60_000_000, 1_000_000)
"""A day, a minute and a second in microseconds: the edges of bins, if all times are of these."""


def column_summary(
    batches: Iterable[Batch], name: str, kind: str, *, kept: int = _KEPT, counted: int = _COUNTED
) -> ColumnSummary:
    """Sum up all values of a column. Quantiles are linearly interpolated."""
    found = ColumnSummary(name, kind, 0, 0)
    measured = kind in ("integer", "number", "timestamp")
    counts = _Counts(min(_FEW, counted) if measured else counted, lossy=not measured)
    numbers = _Numbers(np.float64 if kind == "number" else np.int64, kept)
    for batch in batches:
        values = batch[name]
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
        found.rows += len(values)
        found.missing += values.null_count
        present = values.drop_null()
        if kind == "timestamp":
            present = pc.cast(present, pa.int64())
        counts.add(present)
        if measured:
            numbers.add(present.to_numpy(zero_copy_only=False))
    if counts.known is not None:
        found.undercount = counts.undercount
        found.distinct = None if found.undercount else len(counts.known)
        found.top = _shown(counts.top(), kind)
    if numbers.count:
        with np.errstate(all="ignore"):  # of the largest floats
            _measure(found, numbers, counts.known)
    return found


class _Counts:
    """Counts different values: all of up to `limit` ones.

    Of more of them, a `lossy` one knows the frequent ones, each count at most `undercount` too low;
    otherwise nothing is `known`.
    """

    def __init__(self, limit: int, *, lossy: bool) -> None:
        self.limit, self.lossy = limit, lossy
        self.known: dict[Any, int] | None = {}
        self.undercount = 0

    def add(self, values: Any) -> None:
        """Add a batch of values."""
        if self.known is None:
            return
        found, rows = pc.value_counts(values).flatten()
        for value, count in zip(found.to_pylist(), rows.to_pylist(), strict=True):
            key = _short(value)
            self.known[key] = self.known.get(key, 0) + count
        if len(self.known) > self.limit:
            self.known = self._frequent(self.known) if self.lossy else None

    def _frequent(self, known: dict[Any, int]) -> dict[Any, int]:
        """Return fewer than half of `limit` values, with what is left of their counts."""
        counts = np.fromiter(known.values(), np.int64, len(known))
        place = len(counts) - self.limit // 2
        less = int(np.partition(counts, place)[place])
        self.undercount += less
        return {value: count - less for value, count in known.items() if count > less}

    def top(self) -> list[tuple[Any, int]]:
        """Return the most frequent values; where counts are too low, none that may be rare."""
        known = (self.known or {}).items()
        often = (one for one in known if one[1] > self.undercount)
        return heapq.nsmallest(_TOP, often, lambda one: (-one[1], one[0]))


class _LongText(str):
    """The beginning of a text, which is not equal to that of another one."""

    __slots__ = ("digest",)
    digest: bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _LongText) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def _short(value: Any) -> Any:
    """Return a value that needs little memory."""
    if not isinstance(value, str) or len(value) <= LONGEST_NAME:
        return value
    short = _LongText(cut(value))
    short.digest = hashlib.sha256(value.encode()).digest()
    return short


class _Numbers:
    """All numbers up to `most`, of more of them a random sample; and the measures of all."""

    def __init__(self, kind: type[np.generic], most: int) -> None:
        self.kind, self.most, self.rate = kind, most, 1.0
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        self.low: Any = None
        self.high: Any = None
        self._parts, self._held = [np.empty(0, kind)], 0
        self._random = np.random.default_rng(0)

    def add(self, values: Array) -> None:
        """Add a batch of values."""
        if not len(values):
            return
        with np.errstate(all="ignore"):
            mean = float(values.mean(dtype=np.float64))
            apart, every = mean - self.mean, self.count + len(values)
            self.squares += float(np.square(values - mean).sum())
            self.squares += apart * apart * self.count * len(values) / every
            self.mean += apart * len(values) / every
        low, high = values.min().item(), values.max().item()
        self.low = low if self.low is None else min(low, self.low)
        self.high = high if self.high is None else max(high, self.high)
        self.count = every
        if self.rate < 1:
            values = values[self._random.random(len(values)) < self.rate]
        self._parts.append(values)
        self._held += len(values)
        while self._held > self.most:
            kept = np.concatenate(self._parts)
            self._parts = [kept[self._random.random(len(kept)) < 0.5]]
            self._held, self.rate = len(self._parts[0]), self.rate / 2

    def sorted(self) -> Array:
        """Return the numbers, or the sample of them, in order."""
        values = np.concatenate(self._parts)
        self._parts = []
        values.sort()
        return values


def _measure(found: ColumnSummary, numbers: _Numbers, counts: dict[Any, int] | None) -> None:
    """Add quantiles, a histogram and the like to a summary; of times they are times."""
    kind = found.type
    if counts is not None:
        values = np.array(sorted(counts), numbers.kind)
        rows = np.array([counts[value] for value in values.tolist()])
    else:
        kept = numbers.sorted()
        starts = np.flatnonzero(np.r_[True, kept[1:] != kept[:-1]])
        values, rows = kept[starts], np.diff(np.r_[starts, len(kept)])
        if numbers.rate < 1:
            found.sample = len(kept)
        else:
            found.distinct, found.top = len(values), _shown(_top(values, rows), kind)
    until = np.cumsum(rows)
    ends = {0.0: numbers.low, 1.0: numbers.high}
    quantiles = [ends.get(share, _quantile(values, until, share)) for share in _QUANTILES]
    found.quantiles = list(zip(_QUANTILES, _told(quantiles, kind), strict=True))
    found.mean = _told([numbers.mean], kind)[0]
    if kind != "timestamp" and numbers.count > 1:
        found.deviation = math.sqrt(numbers.squares / (numbers.count - 1))
    edges = _edges(values, numbers, kind)
    inner = np.searchsorted(values, np.array(edges[1:-1], numbers.kind))
    below = np.r_[0, until][np.r_[0, inner, len(values)]]
    shares = np.diff(below) * (numbers.count / until[-1])
    found.histogram = Histogram(_told(edges, kind), np.rint(shares).astype(int).tolist())


def _top(values: Array, rows: Array) -> list[tuple[Any, int]]:
    """Return the values with the most rows, of equal ones the smaller."""
    many = min(_TOP, len(rows))
    often = np.flatnonzero(rows >= np.partition(rows, -many)[-many])
    often = often[np.argsort(-rows[often], kind="stable")][:many]
    return list(zip(values[often].tolist(), rows[often].tolist(), strict=True))


def _quantile(values: Array, until: Array, share: float) -> float:
    """Return a quantile, linearly interpolated; so many rows have each value or a smaller one."""
    place = float(until[-1] - 1) * share
    ranks = [math.floor(place), math.ceil(place)]
    low: float
    high: float
    low, high = values[np.searchsorted(until, ranks, side="right")].tolist()
    return low if low == high else low * (1 - place % 1) + high * (place % 1)


def _edges(values: Array, numbers: _Numbers, kind: str) -> list[Any]:
    """Return the edges of bins: whole ones of integers, days and microseconds."""
    low, high = numbers.low, numbers.high
    if low == high:
        return [low, high]
    if kind == "number":
        shares = [at / _BINS for at in range(1, _BINS)]
        return [low, *(low * (1 - share) + high * share for share in shares), high]
    units = _UNITS if kind == "timestamp" else ()
    unit = next((unit for unit in units if not np.any(values % unit)), 1)
    span = (high - low) // unit + 1
    width = -(-span // min(_BINS, span))
    return [low + width * at * unit for at in range(-(-span // width) + 1)]


def _told(values: list[Any], kind: str) -> list[JsonValue]:
    """Return measures for JSON: of times as times."""
    if kind == "timestamp":
        return json_values(pa.array([round(value) for value in values], pa.timestamp("us")))
    return values


def _shown(top: list[tuple[Any, int]], kind: str) -> list[tuple[JsonValue, int]]:
    """Return values with their rows for JSON."""
    values = _told([value for value, _ in top], kind)
    return [
        (str(value) if kind == "string" else value, count)
        for value, (_, count) in zip(values, top, strict=True)
    ]

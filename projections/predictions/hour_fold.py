"""Folds the prediction log into counts by model, version and hour, in batches with NumPy."""

from __future__ import annotations

import binascii
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, Raw, Struct, UnsetType, field

from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import Record, RecordReader, RecordSource
from autolearn.projections.predictions.hour_content import content_of, put_content
from autolearn.projections.predictions.hour_rows import FOLDED, key_of
from autolearn.projections.predictions.training_profiles import FeatureEdges, TrainingEdges
from autolearn.projections.storage.row_reader import RowReader
from autolearn.projections.storage.store import Store
from autolearn.projections.storage.table import NumberedTable, Table
from autolearn.runtime.timestamps import millis
from autolearn.schemas.records.prediction import PRODUCTION, PredictionContent, purpose_of
from autolearn.schemas.records.prediction_hour import (
    BUCKETS,
    FeatureCounts,
    HourContent,
    PredictionHour,
)
from autolearn.security.data_key import NONCE, Unreadable

logger = structlog.get_logger(__name__)

UNCLOSED = Table("unclosed-hour", int)
"""The keys of folded hours that `prediction-hours` may not have as they are."""
_NEXT = NumberedTable("next-prediction", int)
"""The offset on `predictions` to read next, by partition."""
MOST_LABELS, _MOST_ROWS = 1000, 100_000
"""Labels that are counted one by one, and rows that are gathered before they are counted."""
_MOST_HOT = 1000
"""Hours that are kept in memory between two batches."""
_PROBABILITY = "probability_"
_ENDS = 10.0 ** (np.arange(BUCKETS) / 20 - 2)
"""The ends of the buckets of latencies in milliseconds, as `latency_bucket` has them."""


Place = tuple[str, int, str, bool]
"""A model, a version, an hour, and whether its answers are a shadow's."""


class _Logged(Struct, frozen=True, gc=False):
    """A PredictionRecord, as far as it is counted."""

    id: str
    time: str
    model: str
    version: int
    rows: int
    duration: float = 0.0
    warned: dict[str, int] = {}
    shadow_of: str = ""
    purpose: str = PRODUCTION
    keyid: str = ""
    salt: str = ""
    erased: Raw | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    data_base64: str | UnsetType = UNSET


class FoldedHour(Struct):
    """An hour that is folded: what is stored, its content, and what is to be added to it.

    `inputs` and `outputs` are by column, of so many `rows`.
    """

    row: PredictionHour
    content: HourContent
    secret: bool = False
    """Whether its content must be encrypted."""
    durations: list[float] = field(default_factory=list)
    rows: int = 0
    inputs: dict[str, list[Any]] = field(default_factory=dict)
    outputs: dict[str, list[Any]] = field(default_factory=dict)


_decode = msgspec.json.Decoder(_Logged).decode
_content = msgspec.json.Decoder(PredictionContent).decode


class HourFold:
    """Folds records of `predictions` into FOLDED. One thread may use it.

    The rows of a batch and the offsets behind it are written atomically: a crash neither loses nor
    repeats a record. `changed` has the keys of the rows that were written since it was emptied.

    A record that replaces another one, of which rows were erased, is not counted again. It is
    counted `instead` of that one where this is not folded; its values are not.
    """

    def __init__(
        self,
        store: Store,
        vault: SessionCipher,
        edges: Callable[[str, int], TrainingEdges],
        *,
        instead: bool = False,
    ) -> None:
        self.store, self.vault, self.edges, self.instead = store, vault, edges, instead
        self.next = RowReader(store).numbered(_NEXT)
        self.hot: OrderedDict[Place, FoldedHour] = OrderedDict()
        self.changed: set[bytes] = set()

    def reader(self, log: RecordSource, topic: str) -> RecordReader:
        """Return a reader from where the fold is, or from the oldest record that is kept.

        Raises:
            LogError: the topic cannot be read.
        """
        begins, ends = log.begins(topic), log.ends(topic)
        self.next = {p: min(max(self.next.get(p, 0), at), ends[p]) for p, at in begins.items()}
        return log.reader(topic, self.next)

    def fold(self, records: Sequence[Record]) -> None:
        """Fold and store records.

        Raises:
            LogError: a key cannot be read now; nothing of the batch is counted.
        """
        ciphers: dict[tuple[str, str], AESGCM | None] = {}
        touched: dict[Place, FoldedHour] = {}
        following = dict(self.next)
        for record in records:
            following[record.partition] = record.offset + 1
            if record.value is None:
                continue
            try:
                logged = _decode(record.value)
                if logged.purpose != PRODUCTION:
                    continue
                if logged.erased is not UNSET and not self.instead:
                    continue
                at = (logged.model, logged.version, logged.time[:13], logged.shadow_of != "")
                hour = touched.get(at)
                if hour is None:
                    millis(f"{at[2]}:00:00Z")  # what has no time was not written by us
                    hour = touched[at] = self.hour(at)
            except (msgspec.DecodeError, ValueError) as error:
                place = (record.partition, record.offset)
                logger.warning("a record is no prediction", at=place, why=str(error))
                continue
            self._note(hour, logged, ciphers)
        more = {_NEXT.key(p): msgspec.json.encode(at) for p, at in following.items()}
        self.write(touched, more)
        self.next = following

    def write(self, hours: Mapping[Place, FoldedHour], more: Mapping[bytes, bytes | None]) -> None:
        """Count what was added to hours, and store these and other rows atomically.

        Raises:
            LogError: a key cannot be read now; nothing is stored.
        """
        written = dict(more)
        for hour in hours.values():
            self._count(hour)
            key = key_of(FOLDED, hour.row)
            put_content(hour.row, hour.content, self.vault, secret=hour.secret)
            written[key] = msgspec.json.encode(hour.row)
            written[UNCLOSED.key(hour.row.key)] = b"1"
            self.changed.add(key)
        self.store.write(written)
        self.hot |= hours
        while len(self.hot) > _MOST_HOT:
            self.hot.popitem(last=False)

    def hour(self, at: Place) -> FoldedHour:
        """Return an hour as it is stored, or a new one."""
        hour = self.hot.pop(at, None)
        if hour is not None:
            return hour
        model, version, time, shadow = at
        row = PredictionHour(model=model, hour=time, version=version, shadow=shadow)
        stored = self.store.get(key_of(FOLDED, row))
        if stored is None:
            return FoldedHour(row, HourContent())
        row = FOLDED.decode(stored)
        return FoldedHour(row, content_of(row, self.vault) or HourContent(), row.keyid != "")

    def _note(
        self, hour: FoldedHour, logged: _Logged, ciphers: dict[tuple[str, str], AESGCM | None]
    ) -> None:
        """Add a record to an hour, of which `_count` then counts all at once."""
        row = hour.row
        row.requests += 1
        row.rows += logged.rows
        for kind, many in logged.warned.items():
            row.warned = {**row.warned, kind: row.warned.get(kind, 0) + many}
        hour.durations.append(logged.duration)
        clear: bytes | Raw | None
        if logged.erased is not UNSET:
            row.unreadable += 1
            return
        if logged.data_base64 is UNSET:
            clear = None if logged.data is UNSET else logged.data
        else:
            hour.secret = True
            by = (logged.keyid, logged.salt)
            if by not in ciphers:
                ciphers[by] = self._cipher(*by)
            clear = _opened(logged, logged.data_base64, ciphers[by])
        if clear is None:
            row.unreadable += 1
            return
        try:
            content = _content(clear)
        except msgspec.DecodeError:
            row.unreadable += 1
            return
        # Not kept as they are: so many small lists would cost the garbage collector more than this.
        for columns, more in ((hour.inputs, content.inputs), (hour.outputs, content.outputs)):
            for name, values in more.items():
                if name in columns:
                    columns[name] += values
                else:
                    columns[name] = values
        hour.rows += logged.rows
        if hour.rows >= _MOST_ROWS:
            self._count(hour)

    def _cipher(self, keyid: str, salt: str) -> AESGCM | None:
        """Return the cipher of records; None if their key is gone. Raises LogError."""
        try:
            return AESGCM(self.vault.find(keyid).derived(purpose_of(salt)))
        except Unreadable:
            return None

    def _count(self, hour: FoldedHour) -> None:
        """Count the records that were added to an hour."""
        buckets = np.minimum(np.searchsorted(_ENDS, np.array(hour.durations)), BUCKETS)
        latencies = dict(hour.row.latencies)
        for bucket, many in _counts(buckets):
            latencies[bucket] = latencies.get(bucket, 0) + many
        hour.row.latencies = dict(sorted(latencies.items()))
        if hour.rows:
            edges = self.edges(hour.row.model, hour.row.version)
            _count_answers(hour.content, hour.outputs, edges)
            _count_features(hour.content, hour.inputs, hour.rows, edges.features)
        hour.durations, hour.rows, hour.inputs, hour.outputs = [], 0, {}, {}


def _opened(logged: _Logged, data: str, cipher: AESGCM | None) -> bytes | None:
    """Return the content of a record; None if it cannot be read."""
    if cipher is None:
        return None
    try:
        sealed = binascii.a2b_base64(data)
        about = f"{logged.model}/{logged.id}".encode()
        return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], about)
    except (InvalidTag, ValueError):
        return None


def _counts(places: np.ndarray[Any, Any]) -> Iterator[tuple[int, int]]:
    """Yield each number with how often it is there."""
    found, many = np.unique(places, return_counts=True)
    return zip(found.tolist(), many.tolist(), strict=True)


def _count_answers(
    content: HourContent, outputs: Mapping[str, Sequence[Any]], edges: TrainingEdges
) -> None:
    """Count labels and scores."""
    said = next(iter(outputs.values()), ())
    shares = [values for name, values in outputs.items() if name.startswith(_PROBABILITY)]
    numbers = not shares and any(isinstance(one, float) for one in said)
    if not numbers and not edges.hides:
        for label, many in _counted(said).items():
            name = _text(label)
            if name in content.labels or len(content.labels) < MOST_LABELS:
                content.labels[name] = content.labels.get(name, 0) + many
            else:
                content.other_labels += many
    if not edges.score_edges:
        return
    if len({len(values) for values in shares}) == 1:
        scores = np.max([_floats(values) for values in shares], axis=0)
    elif numbers:
        scores = _floats(said)
    else:
        return
    content.scores = _numbers(content.scores, scores, edges.score_edges)


def _count_features(
    content: HourContent,
    inputs: Mapping[str, Sequence[Any]],
    rows: int,
    features: Mapping[str, FeatureEdges],
) -> None:
    """Count the values of the columns, as they were counted at the training."""
    for name, edges in features.items():
        values = inputs.get(name, ())
        counts = content.features.get(name, FeatureCounts())
        if edges.edges:
            counts = _numbers(counts, values, edges.edges)
        elif edges.values:
            counts = _texts(counts, values, edges.values)
        else:  # of a sensitive column only gaps are counted
            counts.missing += values.count(None)
        counts.missing += max(0, rows - len(values))
        content.features[name] = counts


def _numbers(
    before: FeatureCounts, values: Sequence[Any] | np.ndarray[Any, Any], edges: tuple[float, ...]
) -> FeatureCounts:
    """Return counts with more numbers; a value on an inner edge is in the bin to its right."""
    found = values if isinstance(values, np.ndarray) else _floats(values, before)
    present = found[~np.isnan(found)]
    before.missing += len(found) - len(present)
    bins = len(edges) - 1
    places = np.clip(np.searchsorted(np.array(edges), present, side="right") - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    if before.counts:
        counts = counts + np.array(before.counts)
    before.edges, before.counts = [*edges], counts.tolist()
    return before


def _floats(values: Sequence[Any], counts: FeatureCounts | None = None) -> np.ndarray[Any, Any]:
    """Return numbers as an array, NaN for gaps; what is no number is counted as another value."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        fit = [one for one in values if one is None or isinstance(one, int | float)]
        if counts is not None:
            counts.other += len(values) - len(fit)
        return np.array(fit, dtype=np.float64)


def _texts(before: FeatureCounts, values: Iterable[Any], known: Mapping[str, int]) -> FeatureCounts:
    """Return counts with more values of a column of text."""
    counts = before.values or dict.fromkeys(known, 0)
    for value, many in _counted(values).items():
        name = _text(value)
        if value is None:
            before.missing += many
        elif name in counts:
            counts[name] += many
        else:
            before.other += many
    before.values = counts
    return before


def _counted(values: Iterable[Any]) -> Counter[Any]:
    """Count values; lists and objects, which no model takes, by their text."""
    try:
        return Counter(values)
    except TypeError:
        return Counter(map(str, values))


def _text(value: Any) -> str:
    """Return a value as profiles have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)

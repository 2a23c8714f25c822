"""Compares the closed hours of predictions with the predictions that are still on the log."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import RecordSource
from autolearn.eventlog.read import read_between
from autolearn.projections.predictions.batch_fold import BatchFold
from autolearn.projections.predictions.hour_content import content_of
from autolearn.projections.predictions.hour_fold import HourFold
from autolearn.projections.predictions.hour_rows import CLOSED, FOLDED, HourTopic, key_of
from autolearn.projections.predictions.training_profiles import TrainingEdges
from autolearn.projections.predictions.truth_fold import TruthFold
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.storage.store import Store
from autolearn.runtime.timestamps import text
from autolearn.schemas.records.prediction_hour import PredictionHour, TruthCounts
from autolearn.schemas.topics import DAY_MS, Topics

_BATCH = 5000
_SETTLED_MS = 2 * 3_600_000
"""Milliseconds after which an hour has all its records: an hour, and one for late ones."""
_MOST = 100
"""Hours that are named; more are only counted."""


class HoursCheck(NamedTuple):
    """How many hours were `checked`, and of how many the predictions or their key are `gone`.

    `wrong` names those that differ. `unchecked` is why none was looked at.
    """

    checked: int
    gone: int
    wrong: list[str]
    unchecked: str = ""


def check_hours(
    log: RecordSource,
    topics: Topics,
    days: float,
    vault: SessionCipher,
    edges: Callable[[str, int], TrainingEdges],
) -> HoursCheck:
    """Count all predictions again, and compare with the hours that were counted as they came.

    Predictions are kept for so many `days`: of earlier hours the counts are taken as they are.

    Raises:
        LogError: the log cannot be read.
    """
    with (
        tempfile.TemporaryDirectory(prefix="autolearn-hours-") as folder,
        closing(RocksStore(Path(folder) / "hours")) as store,
    ):
        topic = topics.predictions.name
        now, begins, ends = time.time_ns() // 10**6, log.begins(topic), log.ends(topic)
        first = _first_whole_hour(log, topic, begins, ends, now - int(days * DAY_MS))
        erased = _erased(log, topic, begins, ends)
        fold, batch = HourFold(store, vault, edges, instead=True), []
        for record in read_between(log, topic, begins, ends):
            if erased.get(record.key, record.offset) == record.offset:
                batch.append(record)
            if len(batch) == _BATCH:
                fold.fold(batch)
                batch = []
        fold.fold(batch)
        truths, topic = TruthFold(fold), topics.truths.name
        truths.next = log.begins(topic)
        said = read_between(log, topic, truths.next, log.ends(topic))
        while part := [*islice(said, _BATCH)]:
            truths.fold(part)
        batches = BatchFold(store, vault, set())
        events = topics.events
        with closing(Projector(log, events.name, batches, range(events.partitions))) as projector:
            projector.catch_up()
        with closing(HourTopic(log, topics.prediction_hours.name, store, CLOSED)) as closed:
            closed.catch_up()
        checked = gone = 0
        wrong: list[str] = []
        for row, again in _pairs(store, text(now - _SETTLED_MS)[:13]):
            words = "" if row.hour < first else _difference(row, again, vault)
            if row.hour < first or words is None:
                gone += 1
                continue
            checked += 1
            if words:
                wrong.append(f"{row.key}: {words}")
        return HoursCheck(checked, gone, wrong[:_MOST])


def _erased(
    log: RecordSource, topic: str, begins: dict[int, int], ends: dict[int, int]
) -> dict[bytes | None, int]:
    """Return, by key, the offsets of the newest records of requests of which rows were erased.

    The records before may be compacted away. The newest one has their counts in clear.
    """
    return {
        record.key: record.offset
        for record in read_between(log, topic, begins, ends)
        if record.value is not None and b'"erased":{' in record.value
    }


def _first_whole_hour(
    log: RecordSource, topic: str, begins: dict[int, int], ends: dict[int, int], oldest: int
) -> str:
    """Return the first hour of which no prediction can have been deleted; "" if none was."""
    cut = {p: at for p, at in begins.items() if at}
    if not cut:
        return ""
    upto = {p: at + 1 for p, at in cut.items() if at < ends[p]}
    times = [record.time for record in read_between(log, topic, cut, upto)]
    return text(max(oldest, *times, 0) + 3_600_000)[:13]


def _pairs(store: Store, before: str) -> Iterator[tuple[PredictionHour, PredictionHour | None]]:
    """Yield the closed hours before one, each as it was counted and as it is counted again."""
    for _, value in store.scan(CLOSED.prefix()):
        row = CLOSED.decode(value)
        again = store.get(key_of(FOLDED, row))
        if row.hour < before:
            yield row, None if again is None else FOLDED.decode(again)


def _difference(
    row: PredictionHour, again: PredictionHour | None, vault: SessionCipher
) -> str | None:
    """Return how an hour differs, "" if it does not; None if its content cannot be compared."""
    if row.batch and (again is None or again.requests < row.requests):
        return None  # the experiment was deleted, and with it how many rows there were
    if again is None:
        return f"{row.requests} requests were counted, and the log has none"
    if (row.requests, row.rows) != (again.requests, again.rows):
        return (
            f"{row.requests} requests with {row.rows} rows were counted, and the log has "
            f"{again.requests} with {again.rows}"
        )
    if _clear_part(row) != _clear_part(again):
        return "its warnings or latencies differ from those on the log"
    before, now = content_of(row, vault), content_of(again, vault)
    if before is None or now is None or row.unreadable != again.unreadable:
        return None
    truths = before.truths, now.truths
    before.truths = now.truths = TruthCounts()
    if before != now:
        return "its labels or histograms differ from those on the log"
    if (row.truths, row.told) != (again.truths, again.told):
        return (
            f"{row.truths} truths were counted ({row.told} times one was said), and the log has "
            f"{again.truths} ({again.told} times): has `monitor` read them yet?"
        )
    return "" if _equal(*truths) else "its truths differ from those on the log"


def _equal(one: TruthCounts, other: TruthCounts) -> bool:
    """Return whether truths are the same; sums depend on the order of the numbers, a little."""
    sums = (one.squared, other.squared), (one.absolute, other.absolute)
    near = all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) for a, b in sums)
    return near and replace(one, squared=0.0, absolute=0.0) == replace(
        other, squared=0.0, absolute=0.0
    )


def _clear_part(row: PredictionHour) -> PredictionHour:
    return replace(row, unreadable=0, truths=0, told=0, keyid="", data=UNSET, data_base64=UNSET)

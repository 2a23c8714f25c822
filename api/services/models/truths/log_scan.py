"""Reads what is on the log about a model: since a time, or of certain requests; always bounded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from typing import TypeVar

from autolearn.api.services.models.erased_requests import ErasedRequests
from autolearn.eventlog.log import Record, RecordSource
from autolearn.eventlog.memory.partitioner import partition_of
from autolearn.runtime.uuid7 import time_of
from autolearn.schemas.bounds import MIB

T = TypeVar("T")
Take = Callable[[Record], T | None]
"""Makes of a record what is kept of it; None: nothing."""

SCANNED = 50_000
"""Records of all models that one request looks at since a time, the newest ones."""
_SCANNED_BYTES = 64 * MIB
_READ = 200
"""Records that are in memory at a time."""
_FOUND_AMONG = 1_000_000
"""Records that are looked at to find requests by their ids."""
_TOGETHER = 20_000
"""Records between two requests that are read rather than skipped."""
_EARLY, _LATE = 1000, 180_000
"""Milliseconds around the time of a request's id within which its record was made."""


def scan(
    log: RecordSource,
    topic: str,
    since: int,
    take: Take[T],
    partitions: Collection[int] | None = None,
    most: int = SCANNED,
) -> tuple[list[T], int]:
    """Take the records since a time, in the order of each partition (blocks).

    Times are in milliseconds since 1970. The second one of the result is since when all records
    were looked at: later than `since` if there are more than `most` of them, or too many bytes.

    Raises:
        LogError: they cannot be read.
    """
    begins, ends = log.offsets_at(topic, max(1, since)), log.ends(topic)
    spans = {
        p: (begin, ends[p])
        for p, begin in begins.items()
        if begin < ends[p] and (partitions is None or p in partitions)
    }
    while True:
        there = sum(end - begin for begin, end in spans.values())
        shares = {
            p: (max(begin, end - max(1, (end - begin) * most // max(most, there))), end)
            for p, (begin, end) in spans.items()
        }
        kept, size = list[T](), 0
        reached = {p: 0 for p, (begin, _) in shares.items() if begin > spans[p][0]}
        for record in _between(log, topic, shares):
            size += len(record.content)
            if size > _SCANNED_BYTES and most > _READ:
                break
            if not reached.get(record.partition, 1):
                reached[record.partition] = record.time
            found = take(record)
            if found is not None:
                kept.append(found)
        else:
            return kept, max(since, *reached.values(), since)
        most = min(most, there) // 2


def _between(
    log: RecordSource, topic: str, spans: Mapping[int, tuple[int, int]]
) -> Iterator[Record]:
    """Yield the records of partitions from an offset to another one, which is not read (blocks).

    Raises:
        LogError: they cannot be read.
    """
    left = {p: end for p, (begin, end) in spans.items() if begin < end}
    if not left:
        return
    with closing(log.reader(topic, {p: spans[p][0] for p in left})) as reader:
        while left:
            records = reader.read(_READ, 2.0)
            if not records:
                return  # what was there is deleted by now
            for record in records:
                end = left.get(record.partition)
                if end is None:
                    continue
                if record.offset < end:
                    yield record
                if record.offset >= end - 1:
                    del left[record.partition]


class TooFarApart(Exception):
    """There are too many records between the sought requests."""


def find(
    log: RecordSource,
    topic: str,
    model: str,
    requests: Collection[str],
    take: Take[T],
    erased: ErasedRequests | None = None,
) -> list[T]:
    """Take the records of some requests, by their ids (blocks).

    The ids have times (UUID version 7), so only what was recorded then is read; of erased requests
    what was recorded since the erasure. What `take` makes nothing of is sought further on.

    Raises:
        TooFarApart: too many records would have to be read.
        LogError: they cannot be read.
    """
    kept, looked = list[T](), 0
    moved = {one: at for one in requests if erased and (at := erased.of(one)) is not None}
    parts: list[list[str]] = [sorted({*requests} - {*moved}), *([one] for one in moved)]
    while parts:
        part = parts.pop()
        if not part:
            continue
        first, last = time_of(part[0]), time_of(part[-1])
        assert first is not None, "ids are checked before"
        assert last is not None, "ids are checked before"
        if part[0] in moved:
            begins, ends = dict.fromkeys(log.begins(topic), moved[part[0]].offset), log.ends(topic)
        else:
            begins = log.offsets_at(topic, max(1, first - _EARLY))
            ends = log.offsets_at(topic, last + _LATE)
        wanted = {f"{model}/{one}".encode() for one in part}
        spans = {p: (begins[p], ends[p]) for p in {partition_of(one, len(ends)) for one in wanted}}
        there = sum(end - begin for begin, end in spans.values())
        if there > _TOGETHER and len(part) > 1:
            middle = len(part) // 2
            parts += [part[:middle], part[middle:]]
            continue
        for record in _between(log, topic, spans):
            looked += 1
            if looked > _FOUND_AMONG:
                raise TooFarApart
            if record.key in wanted:
                found = take(record)
                if found is not None:
                    kept.append(found)
                    wanted.discard(record.key)
                if not wanted:
                    break
    return kept

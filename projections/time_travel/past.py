"""The read models at a past point of the log, folded from the streams that matter."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.log import Record
from autolearn.eventlog.positions import PartitionPosition
from autolearn.projections.queries.decrypting_reader import May, anything
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas.bounds import PAST_BYTES
from autolearn.schemas.codec import EventRecord, decode_event, event_on_log
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.rest.runs import TrainingRow
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import SessionId, StreamId

_AHEAD = 20
"""Streams of a list and records that are read together beyond the surely needed ones."""
_AT_ONCE = 1000
"""Events of a partition that are read together."""


class _Commit(NamedTuple):
    """The time and sequence of an experiment's commit, and the event that deleted it.

    They are ordered newest first.
    """

    time: str
    id: SessionId
    sequence: int
    deletion: int

    def __lt__(self, other: tuple[object, ...]) -> bool:
        """Return whether this comes before another in a list."""
        return (self.time, self.id) > (other[0], other[1])


class PastTooLarge(AutoLearnError):
    """A past state needs too much memory."""

    title = "That is too much of the past"


class _RecordedEvent(NamedTuple):
    """An admitted event, and its offset."""

    record: EventRecord
    partition: int
    offset: int


def _too_large() -> PastTooLarge:
    return PastTooLarge(
        f"What this would show of the past is in events of more than {PAST_BYTES:,} bytes, and no "
        "more are folded for one answer; no setting raises that.",
        advice="Its events can be read all the same: GET /v1/events?stream=…",
    )


def _many(shown: Iterable[object], limit: int) -> int:
    """Return the number of items, `limit` at most."""
    return sum(1 for _ in islice(shown, limit))


def _folded(events: Iterable[_RecordedEvent]) -> dict[bytes, bytes]:
    """Fold the events of one stream: no other stream changes its rows."""
    store = MemoryStore()
    models = ReadModels(store)
    for event in events:
        models.fold(*event)
    models.commit({})
    return store.rows


class AsOfReader:
    """The read models as of one offset of every partition.

    `index` are the read models of now or of any later point, which know where each stream's events
    lie. `snapshot` has the loaded streams, with the live fold and the same queries. Everything here
    blocks, and raises LogError when the log cannot be read; use it from one thread.
    """

    def __init__(self, index: Snapshot, lookup: RecordLookup, ends: Mapping[int, int]) -> None:
        self.index, self.lookup, self.ends = index, lookup, ends
        self.store = MemoryStore()
        self.loaded: set[str] = set()
        self.bytes, self.full = 0, False

    @property
    def snapshot(self) -> Snapshot:
        """A snapshot of the loaded streams."""
        rows = self.index.rows
        found = Snapshot(self.store, rows.opens, self.index, rows.known)
        found.rows.full = self.full
        return found

    # Where streams lie

    def offsets(self, name: StreamId) -> tuple[int, list[int]]:
        """Return the partition of a stream, and the offsets of its events up to this point."""
        partition, offsets = self.index.streams.offsets(name)
        end = self.ends.get(partition, 0)
        return partition, [offset for offset in offsets if offset < end]

    def began(self, name: StreamId) -> bool:
        """Return whether a stream had an event at this point."""
        return bool(self.offsets(name)[1])

    def first(self, name: StreamId) -> EventRecord | None:
        """Return the first event of a stream, also if it came after this point."""
        partition, offsets = self.index.streams.offsets(name)
        if not offsets:
            return None
        (record,) = self.lookup.read({partition: offsets[:1]})
        return decode_event(record.content)

    # Loading

    def load(self, *names: StreamId) -> None:
        """Fold the events of these streams up to this point.

        Raises:
            LogError: the log cannot be read.
            PastTooLarge: they had more than PAST_BYTES.
        """
        wanted: dict[int, list[int]] = {}
        for name in {*names} - self.loaded:
            partition, offsets = self.offsets(name)
            wanted.setdefault(partition, []).extend(offsets)
        self.loaded.update(names)
        found: dict[str, list[_RecordedEvent]] = {}
        for record in self.read(wanted):
            event = decode_event(record.content)
            told = _RecordedEvent(event, record.partition, record.offset)
            found.setdefault(event.subject, []).append(told)
        for stream_told in found.values():
            self.store.write(_folded(stream_told))

    def read(self, wanted: Mapping[int, Sequence[int]]) -> Iterator[Record]:
        """Yield records in batches. Raises what `load` raises."""
        for partition, offsets in wanted.items():
            for start in range(0, len(offsets), _AT_ONCE):
                for record in self.lookup.read({partition: offsets[start : start + _AT_ONCE]}):
                    self.bytes += len(record.content)
                    if self.bytes > PAST_BYTES:
                        raise _too_large()
                    yield record

    def load_session(self, session: SessionId) -> None:
        """Fold a session or experiment, and the estimators that it trains."""
        self.load(stream("session", session))
        runs = self.snapshot.runs.all(session)
        trained = (one for one in runs if isinstance(one, TrainingRow) and not one.unreadable)
        estimators = {one.estimator for one in trained if not one.imported}
        self.load(*(stream("estimator", one) for one in estimators))

    def load_kind(self, kind: str) -> None:
        """Fold all streams of a kind."""
        self.load(*(stream(kind, name) for name in self.index.streams.ids(kind)))

    # Loading one page of a list: as much as PAST_BYTES allow

    def _load_some(self, names: Sequence[StreamId]) -> None:
        """Fold streams that follow each other in a list; `full` is set if not all have room.

        Raises:
            LogError: the log cannot be read.
        """
        for some in (names, *([one] for one in names)):
            before = self.bytes
            try:
                self.load(*some)
            except PastTooLarge:
                self.bytes = before
                self.loaded.difference_update(some)
                self.full = len(some) == 1
            if self.full or self.loaded.issuperset(names):
                return

    def load_datasets(self, after: str, limit: int, may: May = anything) -> None:
        """Fold datasets past a name that one `may` see, until `limit` are known, or all are."""
        names = filter(may, self.index.streams.ids("dataset", after))
        shown = lambda: self.snapshot.catalog.datasets(after, may)  # noqa: E731
        self.load_named("dataset", names, limit, shown)

    def load_named(
        self, kind: str, names: Iterable[str], limit: int, shown: Callable[[], Iterable[object]]
    ) -> None:
        """Fold streams of a kind in the order of their names, until `limit` are `shown`, or all."""
        there = (name for name in (stream(kind, one) for one in names) if self.began(name))
        while (missing := limit - _many(shown(), limit)) > 0:
            if self.full or not (some := list(islice(there, missing))):
                break
            self._load_some(some)
        self._require_any(shown())

    def _require_any(self, shown: Iterable[object]) -> None:
        """Raise PastTooLarge if even the first item of a list is too large."""
        if self.full and not any(True for _ in shown):
            raise _too_large()

    def load_sessions(self, after: tuple[str, str] | None, limit: int, may: May = anything) -> None:
        """Fold sessions past (time of creation, id), newest first, until enough are known.

        Enough are `limit` sessions that were open at this point and that one `may` see, or all
        there were.
        """
        candidates = self._perhaps_open(after, may)
        while (missing := limit - _many(self.snapshot.sessions.ids(after), limit)) > 0:
            if self.full or not (some := list(islice(candidates, missing + _AHEAD))):
                break
            self._load_some(some)
        self._require_any(self.snapshot.sessions.ids(after))

    def _perhaps_open(
        self, after: tuple[str, str] | None, may: May = anything
    ) -> Iterator[StreamId]:
        """Yield the sessions that may have been open at this point, newest first."""
        for session in filter(may, self.index.sessions.ids_ever(after)):
            name = stream("session", session)
            partition, offsets = self.index.streams.offsets(name)
            end = self.ends.get(partition, 0)
            if offsets[0] >= end:
                continue  # it came later
            if offsets[-1] < end and not self.index.sessions.is_open(session):
                continue  # all of it came before, its end too
            yield name

    def experiments(
        self, after: tuple[str, str] | None, limit: int, may: May = anything
    ) -> list[SessionId]:
        """Return the experiments at this point, the newest commit first, past (time of it, id).

        What an experiment keeps never changes but for its end, so nothing is folded: its commit
        must come before this point, and its deletion must not.
        """
        there = self._commits(after, may, gone=False)
        gone = self._commits(after, may, gone=True)
        merged = heapq.merge(there, (one for one in gone if not self._was_deleted(one)))
        found = (one.id for one in merged if self._was_committed(one))
        return list(islice(found, limit))

    def _commits(self, after: tuple[str, str] | None, may: May, *, gone: bool) -> Iterator[_Commit]:
        """Yield the commits of experiments that one `may` see, the newest first."""
        experiments = self.index.experiments
        for at in filter(may, experiments.gone_ids(after) if gone else experiments.ids(after)):
            row = experiments.stored(at, gone=gone)
            if row is not None:
                yield _Commit(row.committed, at, row.sequence, row.deleted)

    def _was_deleted(self, one: _Commit) -> bool:
        return self._many_events(one) >= one.deletion

    def _was_committed(self, one: _Commit) -> bool:
        return self._many_events(one) >= one.sequence

    def _many_events(self, one: _Commit) -> int:
        return len(self.offsets(stream("session", one.id))[1])

    def load_experiments(
        self, after: tuple[str, str] | None, limit: int, may: May = anything
    ) -> None:
        """Fold the experiments of a page."""
        self._load_some([stream("session", at) for at in self.experiments(after, limit, may)])
        self._require_any(self.snapshot.experiments.ids(after))

    # The position

    def places(self) -> tuple[PartitionPosition, ...]:
        """Return this point as a position from which the log can be read on."""
        return tuple(self.place(partition, end) for partition, end in sorted(self.ends.items()))

    def place(self, partition: int, end: int) -> PartitionPosition:
        """Return the position before an offset: with the term, and the last command answered.

        The newest admitted event before it has both, except for terms that began since.
        """
        terms, at = [0], end
        while at > 0:
            begin = max(0, at - _AHEAD)
            for record in reversed(self.lookup.read({partition: range(begin, at)})):
                event, offset = event_on_log(record.value), record.offset
                terms.append(event.term if event.type == TERM_STARTED else 0)
                if offset in self.index.streams.offsets(event.subject)[1]:
                    return PartitionPosition(
                        partition, end, max(event.term, *terms), event.commandoffset
                    )
            at = begin
        return PartitionPosition(partition, end, max(terms))

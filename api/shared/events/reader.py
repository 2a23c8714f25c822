"""Reads on from a position: the whole log, or one stream's own events."""

from __future__ import annotations

from collections.abc import Mapping

from autolearn.api.http.problems import Problem
from autolearn.api.identity.visibility import Level
from autolearn.api.limits.executors import ThreadLane
from autolearn.api.shared.events.filters import EventFilter
from autolearn.api.shared.positions import read_position
from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.consumers.event_pages import EventPage, Places, places_of, read_page
from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.log import RecordSource
from autolearn.eventlog.positions import PartitionPosition
from autolearn.projections.time_travel.stream_history import lies, read_stream
from autolearn.schemas.values import StreamId

_NOW = "now"


class EventReader:
    """Reads the admitted events again, up to the position of the read models."""

    def __init__(self, log: RecordSource, lookup: RecordLookup, reader: LogReader) -> None:
        self.log, self.lookup, self.reader = log, lookup, reader

    def now(self) -> Places:
        """Return the position of the read models."""
        partitions = dict.fromkeys(range(self.reader.topics.events.partitions))
        reached = self.reader.queries.progress().items()
        return places_of({p: PartitionPosition.of(p, at) for p, at in reached}, partitions)

    async def start_of(self, given: str, parameter: str) -> Places:
        """Return the start: the first event, `now`, or a position that a parameter names.

        Raises:
            Problem: it is no position, of another log, or in the future.
        """
        here = self.now()
        if given == _NOW:
            return here
        if not given:
            return places_of({}, here)
        position = await read_position(self.reader, given, parameter)
        return places_of({place.partition: place for place in position.places}, here)

    async def check_stream(self, wanted: EventFilter) -> None:
        """Raise the problem of a requested stream without events."""
        stream = wanted.stream
        if stream is None or self._there_is(wanted, stream):
            return
        await self.reader.fresh()
        if not self._there_is(wanted, stream):
            raise Problem(
                404,
                "stream-unknown",
                "There is no such stream",
                f"Nothing has ever happened to {stream}: it has no events.",
            )

    def _there_is(self, wanted: EventFilter, stream: StreamId) -> bool:
        if wanted.sight is not None and wanted.sight.level(stream) is Level.NOTHING:
            return False
        return bool(self.reader.queries.now().streams.offsets(stream)[1])

    async def read_on(
        self,
        executor: ThreadLane,
        wanted: EventFilter,
        at: Places,
        limit: int,
        most: int | None = None,
    ) -> tuple[EventPage, bool]:
        """Return the next matching events, and whether there may be more by now.

        There are up to `limit` of each partition and `most` in all. A page may be empty before the
        end, and is further on all the same.

        Raises:
            LogError: the log cannot be read in time.
            Problem: the brokers do not answer, and there is something to read; or too many read
            (429).
        """
        if wanted.stream is not None:
            where = lies(self.reader.queries.now(), wanted.stream)
            ends = {p: place.next for p, place in where.reached.items()}
            self._require_readable(at, ends)
            page = await executor.run(
                lambda: read_stream(self.lookup, where, at, most or limit, wanted.fits)
            )
        else:
            ends = {p: place.next for p, place in self.now().items()}
            self._require_readable(at, ends)
            topic = self.reader.topics.events.name
            fits = wanted.briefly().fits
            page = await executor.run(
                lambda: read_page(self.log, topic, at, ends, limit, fits, most)
            )
        return page, any(page.places[p].next < end for p, end in ends.items())

    def _require_readable(self, at: Places, ends: Mapping[int, int]) -> None:
        if any(at[p].next < end for p, end in ends.items()):
            self.reader.require_brokers()

"""The reader of the behaviour log in an API process: a store, and the newest hops in memory."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path

import structlog

from autolearn.api.limits.executors import ThreadLane
from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.log import Record, RecordReader, RecordSource
from autolearn.projections.audit.audit_trail import (
    AuditProjector,
    AuditTrail,
    HopFilter,
    HopKey,
    place_of,
)
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.storage.store import Store
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import LogError, MalformedRecord
from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.topics import AUDIT_DAYS, DAY_MS, Topics

log = structlog.stdlib.get_logger("autolearn.api")

_GATHER = 0.05
"""Seconds between two batches."""
BATCH, BUSY_BATCH = 5000, 500
"""Events of a batch, and while requests are worked on: folding takes the processor from them."""
WAIT, PAUSE = 0.2, 5.0
"""Seconds to wait for news, and after a fault."""
_PRUNE = 3600.0
"""Seconds between two looks for what is too old."""


class Recent:
    """The newest hops of this process's view: own requests at once, others as they are read.

    They are numbered as they come; `run` names this run of the process. All on the event loop.
    """

    def __init__(self, most: int) -> None:
        self.run = uuid.uuid4().hex[:12]
        self.hops: deque[Hop] = deque(maxlen=most)
        self.end = 0
        self.changed: asyncio.Future[None] | None = None
        self.closed = False

    def add(self, hops: Iterable[Hop]) -> None:
        """Add hops, and wake the waiting subscribers."""
        for hop in hops:
            self.hops.append(hop)
            self.end += 1
        self.wake()

    def past(self, number: int) -> list[tuple[int, Hop]]:
        """Return the kept hops from this number on, with their numbers."""
        first = self.end - len(self.hops)
        start = max(number, first)
        return list(enumerate(islice(self.hops, start - first, None), start))

    async def more(self, number: int, seconds: float) -> None:
        """Wait until there is a hop with this number, or the process stops; `seconds` at most."""
        if number < self.end or self.closed:
            return
        if self.changed is None:
            self.changed = asyncio.get_running_loop().create_future()
        await asyncio.wait((self.changed,), timeout=max(0.0, seconds))

    def wake(self) -> None:
        """Wake all subscribers."""
        changed, self.changed = self.changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    def close(self) -> None:
        """Tell all subscribers that the process stops."""
        self.closed = True
        self.wake()

    def page(
        self, sought: HopFilter, before: HopKey | None, limit: int
    ) -> tuple[list[Hop], HopKey | None]:
        """Return hops, newest first, and the key before which the next page begins, if any."""
        placed = ((place_of(hop), hop) for hop in self.hops)
        fit = {
            place: hop
            for place, hop in placed
            if (before is None or place < before) and sought.fits_all(hop)
        }
        places = sorted(fit, reverse=True)
        more = places[limit - 1] if len(places) > limit else None
        return [fit[place] for place in places[:limit]], more


class AuditTrailReader:
    """Folds the behaviour log in a thread of its own, from `start` to `stop`.

    A damaged store ends the process, and is folded anew by the next one. `instance` is this
    process, of which `recent` has the requests already. `busy` says whether requests are worked on.
    """

    def __init__(
        self,
        to: RecordSource,
        topics: Topics,
        read_models: LogReader,
        executor: ThreadLane,
        folder: Path,
        recent: Recent,
        instance: str,
        busy: Callable[[], bool],
    ) -> None:
        self.log, self.topics, self.read_models, self.busy = to, topics, read_models, busy
        self.executor, self.folder = executor, folder
        self.recent, self.instance = recent, instance
        self.stopped = threading.Event()
        self.store: Store | None = None
        self.trail: AuditTrail | None = None
        self.at: dict[int, int] = {}
        self.thread: threading.Thread | None = None
        self.reached = asyncio.Event()
        self.pruned = float("-inf")

    def start(self) -> None:
        """Start the thread."""
        self.thread = threading.Thread(target=self.run, name="trail", daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Fold until stopped (in the thread)."""
        try:
            # The read models first: work waits for them, only the past waits for this.
            while not self.read_models.caught_up and not self.stopped.wait(WAIT):
                continue
            self.store = RocksStore(self.folder)
            self.trail = AuditTrail(self.store)
            while not self.stopped.is_set():
                try:
                    self.follow(self.trail)
                except LogError as error:
                    log.warning("the behaviour log is not read", why=error.detail)
                    self.stopped.wait(PAUSE)
        except Exception as error:  # noqa: BLE001 - whatever it is, this process cannot go on
            if not self.stopped.is_set():
                self.read_models.on_loop(self.read_models.fail, error)

    def follow(self, trail: AuditTrail) -> None:
        """Fold until stopped, or until the log cannot be read."""
        topics = self.topics
        partitions = range(topics.events.partitions)
        witness = AuditProjector(self.log, topics.events.name, trail, partitions)
        witness.oldest = time.time_ns() // 10**6 - AUDIT_DAYS * DAY_MS
        reader = self.reader(trail)
        try:
            while not self.stopped.is_set():
                hops = self.take(trail, reader)
                most = BUSY_BATCH if self.busy() else BATCH
                records = witness.reader.read(most, 0.0 if hops else WAIT)
                witness.fold_batch(records)
                self.read_models.on_loop(self.note, [*hops, *witness.taken])
                self.prune(trail)
                self.stopped.wait(_GATHER)
        finally:
            witness.close()
            reader.close()

    def reader(self, trail: AuditTrail) -> RecordReader:
        """Return a reader of `audit` from the store's progress on."""
        name = self.topics.audit.name
        begins, ends, known = self.log.begins(name), self.log.ends(name), trail.audited()
        self.at = {p: min(max(known.get(p, 0), begin), ends[p]) for p, begin in begins.items()}
        return self.log.reader(name, self.at)

    def take(self, trail: AuditTrail, reader: RecordReader) -> list[Hop]:
        """Fold new records of `audit`; return their hops."""
        records = reader.read(5000, 0.0)
        hops = []
        for record in records:
            self.at[record.partition] = record.offset + 1
            hop = _hop_in(record)
            if hop is not None:
                trail.put(hop)
                hops.append(hop)
        if records:
            trail.commit_audited(self.at)
        return hops

    def note(self, hops: list[Hop]) -> None:
        """Keep other processes' hops in memory; report the progress to waiting requests."""
        others = [hop for hop in hops if _is_over(hop) and not self._is_own(hop)]
        self.recent.add(others)
        self.reached.set()

    def _is_own(self, hop: Hop) -> bool:
        """Return whether a hop is a request of this process, which is in memory already."""
        return hop.kind == "request" and f"{hop.service}/{hop.instance}" == self.instance

    def prune(self, trail: AuditTrail) -> None:
        """Delete hops that are too old, now and then."""
        if time.monotonic() - self.pruned > _PRUNE and not trail.prune(time.time_ns() // 10**6):
            self.pruned = time.monotonic()

    async def until_holds(self, seconds: float) -> None:
        """Wait until everything is folded that is on the log now; `seconds` at most."""
        name, events = self.topics.audit.name, self.topics.events.name
        ends, event_ends = await self.executor.run(
            lambda: (self.log.ends(name), self.log.ends(events))
        )
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.holds(ends, event_ends):
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return
            self.reached.clear()
            try:
                await asyncio.wait_for(self.reached.wait(), left)
            except TimeoutError:
                return

    def holds(self, ends: Mapping[int, int], event_ends: Mapping[int, int]) -> bool:
        """Return whether everything before these offsets is folded."""
        if self.trail is None:
            return False
        progress = self.trail.progress()
        return all(self.at.get(p, 0) >= end for p, end in ends.items()) and all(
            p in progress and progress[p].next >= end for p, end in event_ends.items() if end
        )

    async def stop(self) -> None:
        """Stop the thread, and close the store."""
        self.stopped.set()
        self.recent.close()
        if self.thread is not None:
            await asyncio.to_thread(self.thread.join)
        if self.store is not None:
            await asyncio.to_thread(self.store.close)


def _is_over(hop: Hop) -> bool:
    return hop.kind != "request" or hop.outcome != "unanswered"


def _hop_in(record: Record) -> Hop | None:
    try:
        return from_json(record.content, Hop)
    except MalformedRecord as error:
        at = f"{record.partition}-{record.offset}"
        log.warning("a record of the behaviour log is none", at=at, why=error.detail)
        return None

"""The claim of one partition for a tenure: catch up, claim it in the log, track decisions.

Nobody decides on a partition before its own `TermStarted` record was read back from the log: from
there on every append of an older tenure is ignored by every reader (eventlog.admission).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog
from msgspec import Struct
from msgspec.structs import replace

from autolearn.agents.command_handling.assignments import Cancelled
from autolearn.agents.command_handling.chain_writer import Chained, ChainWriter
from autolearn.agents.command_handling.decision import Decision
from autolearn.agents.command_handling.state_store import (
    DeciderStateStore,
    Stream,
    changes_of,
    with_parts,
)
from autolearn.eventlog.admission import TERM_STARTED, PartitionProgress
from autolearn.eventlog.append import append_and_wait
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.log import Log
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.runtime.timestamps import now, stamp
from autolearn.schemas.codec import (
    CONTENT_TYPE,
    EventRecord,
    Headers,
    clear_data,
    encode,
    from_json,
    raw,
)
from autolearn.schemas.errors import LogError
from autolearn.schemas.events import TermStarted
from autolearn.schemas.values import StreamId

logger = structlog.get_logger(__name__)


class Names(NamedTuple):
    """The topics of a tenure. Without `checkpoints` its events are not chained."""

    commands: str
    events: str
    checkpoints: str = ""


class PartitionClaim:
    """One tenure of partition `partition`; a later tenure of the same partition is another object.

    `term` is what was claimed, `decided` the offset of the last command decided (which may be ahead
    of what the log has confirmed), `ahead` the streams as decided but not confirmed yet, without
    their parts, which are `ahead_parts`, each with the event that has changed it; `links` the hash
    chain, once it is `taken`.
    """

    locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def __init__(self, log: Log, topics: Names, partition: int, folder: Path, process: str) -> None:
        self.log, self.partition, self.folder, self.process = log, partition, folder, process
        self.commands, self.events, self.checkpoints = topics
        self.cancelled = threading.Event()
        self.fenced = self.taken = False
        self.term = 0
        self.decided = self.answered = -1
        self.ahead: dict[str, Stream] = {}
        self.ahead_parts: dict[tuple[str, str], tuple[int, Struct | None]] = {}
        self.ahead_seen: set[tuple[str, str]] = set()
        self.links: ChainWriter | None = None
        self.follower: Projector
        self.states: DeciderStateStore
        self.store: RocksStore | None = None

    def take(self) -> None:
        """Catch up and claim the partition (blocking: run it in a thread).

        Raises:
            Cancelled: the partition was revoked meanwhile.
            LogError: the log cannot be read or written.
        """
        with self.locks[self.folder]:  # an older tenure's thread may still be at work here
            self.check()
            self.store = RocksStore(self.folder)
            try:
                self.states = DeciderStateStore(self.store)
                self.catch_up_and_claim()
            except BaseException:
                self._close_store()
                raise

    def catch_up_and_claim(self) -> None:
        """Fold to the end of the log, then append TermStarted until ours is the admitted one."""
        self.follower = self.chained() if self.checkpoints else self._unchained()
        self._fold_until(self.log.ends(self.events)[self.partition])
        at = self.follower.progress[self.partition]
        newest = ""
        while newest != self.process:
            self.check()
            self.term = at.term + 1
            newest = self._fold_until(self.append_term(self.term) + 1)
        self.follower.close()
        if self.links is not None:
            self.links.begin(self.log, self.events, self.checkpoints, at)
        self.answered = at.last
        # Expired undecided commands are gone: start at the oldest kept one.
        self.decided = max(at.last, self.log.begins(self.commands)[self.partition] - 1)
        self.taken = True
        logger.info(
            "partition claimed",
            partition=self.partition,
            term=self.term,
            last=self.answered,
            rebuilt=self.follower.restarted,
        )

    def chained(self) -> Projector:
        """Return the partition's projector; events folded without the chain are folded again."""
        folded = self.states.progress().get(self.partition, PartitionProgress()).next
        if folded and self.states.chain(self.partition) is None:
            self.states.reset()
        follower = Chained(self.log, self.events, self.states, [self.partition])
        follower.links = self.links = ChainWriter(self.states, self.partition)
        return follower

    def _unchained(self) -> Projector:
        """Return the partition's projector; a chain that was kept before would have a hole."""
        self.states.forget_chain(self.partition)
        return Projector(self.log, self.events, self.states, [self.partition])

    def begin(self) -> int:
        """Return the offset of the first command without an answer on the log."""
        return self.decided + 1

    def append_term(self, term: int) -> int:
        """Append TermStarted and return its offset once it is written."""
        record = EventRecord(
            id=f"{self.partition}-term-{term}-{self.process}",
            source="autolearn/decide",
            type=TERM_STARTED,
            subject=StreamId(f"partition/{self.partition}"),
            time=now(),
            sequence=0,
            term=term,
            data=raw(TermStarted(self.process)),
        )
        return self.append_record(record, encode(record), CONTENT_TYPE)

    def append_record(self, record: EventRecord, value: bytes, headers: Headers) -> int:
        """Append an event and return its offset once it is written."""
        return append_and_wait(
            self.log,
            self.events,
            value,
            key=record.subject,
            partition=self.partition,
            headers=headers,
            time=stamp(record.time),
            check=self.check,
        )

    def _fold_until(self, end: int) -> str:
        """Fold the log up to the offset `end` (exclusive) or further.

        Return the process of the newest admitted TermStarted, or "".
        """
        newest = ""
        while self.follower.progress[self.partition].next < end:
            self.check()
            for record in self.follower.step(0.5):
                if record.type == TERM_STARTED:
                    newest = from_json(clear_data(record), TermStarted).process
        return newest

    def check(self) -> None:
        """Raise Cancelled once the partition was revoked."""
        if self.cancelled.is_set():
            raise Cancelled

    @property
    def confirmed(self) -> int:
        """The offset of the last command whose answer is in the log."""
        return self.follower.progress[self.partition].last

    def stream(self, name: StreamId) -> Stream:
        """Return a stream as decided so far."""
        ahead = self.ahead.get(name) or self.states.load(name)
        return replace(ahead, state=with_parts(ahead.state, partial(self.part, name)))

    def part(self, stream: StreamId, part: str) -> Struct | None:
        """Return a part of a stream as decided so far."""
        ahead = self.ahead_parts.get((stream, part))
        return self.states.part(stream, part) if ahead is None else ahead[1]

    def seen(self, stream: StreamId, command: str) -> bool:
        """Return whether a command of this stream was answered before."""
        return (stream, command) in self.ahead_seen or self.states.seen(stream, command)

    def note(self, decision: Decision) -> Headers:
        """Remember a decision that is on its way to the log; return its headers."""
        record = decision.record
        self.decided = self.answered = record.commandoffset
        self.ahead[record.subject] = decision.after
        for name, part in changes_of(decision.after.state).items():
            self.ahead_parts[record.subject, name] = (record.sequence, part)
        self.ahead_seen.add((record.subject, record.causationid))
        if self.links is None:
            return CONTENT_TYPE
        return CONTENT_TYPE + self.links.note(decision.value)

    def confirm(self, decision: Decision, offset: int) -> bool:
        """Apply a written decision to the state. False: another process has claimed the partition.

        Raises:
            LogError: the log has not admitted it although the partition is still ours.
        """
        at, record = self.follower.progress[self.partition], decision.record
        if offset != at.next:  # another process has written: check first
            self.catch_up_to(offset)
            at = self.follower.progress[self.partition]
            if at.term != self.term:
                return False
        if not self.follower.take_event(self.partition, offset, record):
            raise LogError(f"The event {record.id} was written, but is not admitted.")
        if self.links is not None:
            self.links.take(offset, decision.value)
        self.follower.commit()
        ahead = self.ahead.get(record.subject)
        if ahead is not None and ahead.sequence == record.sequence:
            del self.ahead[record.subject]
        for name in changes_of(decision.after.state):
            if self.ahead_parts[record.subject, name][0] == record.sequence:
                del self.ahead_parts[record.subject, name]
        self.ahead_seen.discard((record.subject, record.causationid))
        return True

    def catch_up_to(self, offset: int) -> None:
        """Fold other processes' events before `offset`, with a reader of its own."""
        at = self.follower.progress[self.partition]
        self.follower.reader = self.log.reader(self.events, {self.partition: at.next})
        while at.next < offset:
            self.follower.step(0.5, limit=1)
        self.follower.close()

    def close(self) -> None:
        """Close the partition's folder."""
        with self.locks[self.folder]:
            self._close_store()

    def _close_store(self) -> None:
        if self.store is not None:
            self.store.close()
            self.store = None

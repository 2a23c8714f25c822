"""Checks one partition: every record in order, against its headers and its checkpoints.

Two things show a change. The header of each answer holds the chain's hash after it, which names the
record; but it is not signed, and an attacker who changes a record can change headers. Checkpoints
are signed, which proves whether something was changed since the one before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from autolearn.eventlog.admission import TERM_STARTED, PartitionProgress
from autolearn.eventlog.integrity.hash_chain import Chain
from autolearn.operations.chain.findings import Attested, ChainFinding, Kind, Report
from autolearn.schemas.codec import EventRecord, decode_event
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.checkpoint import Checkpoint


class PartitionCheck:
    """Takes the records of a partition in their order until the first difference (`finding`).

    `checkpoints` are signed, and in the order of the events that they attest. `fitting` is the
    offset up to which a checkpoint or headers show all as it was. After a record that should count
    and does not (`doubtful`), only the next checkpoint can show that again.
    """

    def __init__(self, partition: int, checkpoints: Sequence[Checkpoint]) -> None:
        self.partition, self.checkpoints = partition, deque(checkpoints)
        self.progress, self.chain = PartitionProgress(), Chain()
        self.records = self.left_out = self.held = 0
        self.attested: Checkpoint | None = None
        self.fitting, self.doubtful = -1, False
        self.finding: ChainFinding | None = None

    def take(self, offset: int, value: bytes, header: bytes | None) -> None:
        """Take one record; `header` is the hash in its header, if it has one."""
        self.records += 1
        wanted, last = self.progress.next, self.progress.last
        if offset != wanted:
            self.differ(f"The record after offset {wanted - 1} lies at offset {offset}.")
            return
        try:
            record = decode_event(value)
        except MalformedRecord as error:
            self.differ(f"The record at offset {offset} is no event: {error.detail}")
            return
        self.progress.next = offset + 1
        if self.progress.admit(record):
            self.chain = self.chain.then(offset, value)
            if header == self.chain.hash and not self.doubtful:
                self.fitting = offset
            elif header is not None and header != self.chain.hash:
                self.differ(f"The header at offset {offset} has another hash than the chain.")
        else:
            self._leave_out(offset, record, last)
        while self.finding is None and self.checkpoints and self._has_reached(self.checkpoints[0]):
            self._compare(self.checkpoints[0])

    def _leave_out(self, offset: int, record: EventRecord, last: int) -> None:
        """Note a record that does not count: in a term that is over, a late decider's is usual."""
        self.left_out += 1
        if record.type == TERM_STARTED or record.term < self.progress.term:
            return
        self.doubtful = True
        if record.term > self.progress.term or record.prev < last < record.commandoffset:
            self.differ(f"The record at offset {offset} does not go on from those before it.")

    def _has_reached(self, one: Checkpoint) -> bool:
        return self.chain.events == one.events or self.progress.next > one.offset

    def _compare(self, one: Checkpoint) -> None:
        """Compare the chain with the next checkpoint."""
        chain = self.chain
        if (chain.events, chain.offset, chain.hash.hex()) != (one.events, one.offset, one.hash):
            self.differ(f"The checkpoint of {one.time} attests other records.")
            return
        if one.broken is not None:
            why = f"Who signed at {one.time} had found the log to be another than it was."
            self._find("reported", one.broken, why)
        self.attested = self.checkpoints.popleft()
        self.held += 1
        self.fitting, self.doubtful = one.offset, False

    def differ(self, why: str) -> None:
        """Note that the log is not as it was, from the first record on that nothing shows to be."""
        ends = [one.offset for one in self.checkpoints]
        self._find("changed", min([self.fitting + 1, *ends[:1]]), why)

    def _find(self, kind: Kind, offset: int, why: str) -> None:
        after = -1 if self.attested is None else self.attested.offset
        until = self.checkpoints[0].offset if self.checkpoints else None
        self.finding = ChainFinding(self.partition, kind, offset, why, after, until)

    def report(self) -> Report:
        """Return the report, after all records."""
        if self.finding is None and self.checkpoints:
            one = self.checkpoints[0]
            why = f"The log ends before the checkpoint of {one.time}."
            if self.doubtful:
                self.differ(why)
            else:
                self._find("truncated", self.progress.next, why)
        good = self.attested
        return Report(
            self.partition,
            self.records,
            self.chain.events,
            self.left_out,
            self.held,
            Attested(good.offset, good.events, good.hash, good.time) if good else None,
            self.chain.events - (good.events if good else 0),
            self.finding,
        )

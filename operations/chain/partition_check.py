"""Checks one partition: every record in its order, against its headers and its checkpoints.

Two things tell of a change. The header of each event holds the chain's hash after it, which names
the record; but it is not signed, and whoever can change a record can change headers. Checkpoints
are signed, which settles whether something was changed since the one before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from hashlib import sha256

from autolearn.eventlog.admission import TERM_STARTED, PartitionProgress
from autolearn.eventlog.integrity.hash_chain import Chain, link_digest
from autolearn.operations.chain.findings import Attested, ChainFinding, Kind, Report
from autolearn.operations.chain.suspect import Suspect
from autolearn.schemas.codec import EventRecord, decode_event
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.checkpoint import Checkpoint

__all__ = ["PartitionCheck"]

LOOK = 5000
"""Records after a certain doubt that are looked at, to say what was done."""
RECENT = 64
"""Admitted records before a left-out one among which its place is looked for."""


class PartitionCheck:
    """Takes the records of a partition in their order (`take`), and says what is wrong (`report`).

    `checkpoints` are signed, and in the order of the events that they attest.
    """

    def __init__(self, partition: int, checkpoints: Sequence[Checkpoint], begin: int = 0) -> None:
        self.partition, self.progress, self.chain = partition, PartitionProgress(), Chain()
        self.checkpoints = deque(checkpoints)
        self.records = self.left_out = self.held = self.looked = 0
        self.good: Checkpoint | None = None
        self.doubt: Suspect | None = None
        self.failed: ChainFinding | None = None
        """A checkpoint that is not right, while the records after it may still say more."""
        self.found: ChainFinding | None = None
        self.bare: int | None = None
        """The first admitted record since the last header that fits, that has none itself."""
        self.fits = -1
        """The offset of the newest record whose header fits."""
        self.recent: deque[tuple[bytes, int, EventRecord]] = deque(maxlen=RECENT)
        """Admitted records with the hash before them and their offsets."""
        if begin:
            why = f"The records before offset {begin} are gone."
            self.doubt = Suspect("removed", 0, "", why, certain=True)
        self.due = self.checkpoints[0].events if self.checkpoints else -1
        self.due_offset = self.checkpoints[0].offset if self.checkpoints else 1 << 63

    @property
    def done(self) -> bool:
        """Whether further records say nothing more."""
        return self.found is not None or self.looked >= LOOK

    def take(self, offset: int, value: bytes, told: bytes | None) -> None:
        """Take one record; `told` is the hash in its header, if it has one."""
        self.records += 1
        try:
            record = decode_event(value)
        except MalformedRecord as error:
            self._be_sure("changed", offset, "", f"It is no event: {error.detail}")
            return
        if self.failed is not None:
            self.looked += 1
        if self.doubt is not None:
            self.doubt.see(offset, record, value, told)
            if self.doubt.certain:
                self.looked += 1
                return
        if offset != self.progress.next:
            self._misplaced(offset, record)
            return
        self.progress.next = offset + 1
        before = self.progress.last
        if self.progress.admit(record):
            self.admitted(offset, record, value, told)
        else:
            self.leave_out(offset, record, value, told, before)
        if offset >= self.due_offset or self.chain.events == self.due:
            self.compare()

    def admitted(self, offset: int, record: EventRecord, value: bytes, told: bytes | None) -> None:
        """Take a record into the chain, and compare its header."""
        before = self.chain.hash
        self.recent.append((before, offset, record))
        self.chain = self.chain.then(offset, value)
        if told is None:
            if self.bare is None:
                self.bare = offset
        elif told == self.chain.hash:
            self.bare, self.fits = None, offset
            if self.doubt is not None and self.doubt.header_clears and self.failed is None:
                self.doubt = None
        else:
            doubt = self._be_sure(
                "changed", offset, record.id, "Its header has another hash than the chain."
            )
            if doubt.kind == "changed":
                doubt.before, doubt.since = before, self.bare

    def leave_out(
        self, offset: int, record: EventRecord, value: bytes, told: bytes | None, last: int
    ) -> None:
        """Note a record that does not count: there may be more to it than a late decider."""
        self.left_out += 1
        if record.type == TERM_STARTED or not (self.doubt is None or self.doubt.weak):
            return
        term, command, prev = self.progress.term, record.commandoffset, record.prev
        if record.term > term:
            why = f"Nothing before it begins its term, {record.term}."
            self._be_sure("removed", offset, record.id, why).missing_term = record.term
        elif record.term == term and command > last and prev > last:
            why = f"The answer to command {prev} should come before it."
            self.doubt = Suspect("removed", offset, record.id, why)
            self.doubt.missing_answer = (term, prev)
        elif record.term == term and command > last:
            why = f"The one at offset {offset} was written as if it were not there."
            self._be_sure("inserted", self.chain.offset, self.recent[-1][2].id, why)
        elif record.term == term:
            why = f"Command {command} is answered before it."
            self.doubt = Suspect("inserted", offset, record.id, why, header_clears=False)
        self._find_fork(offset, record, value, told)

    def _find_fork(
        self, offset: int, record: EventRecord, value: bytes, told: bytes | None
    ) -> None:
        """See whether a record that is left out was written in the place of one that counts.

        A decider that was deposed writes so after a TermStarted. In a term it cannot happen.
        """
        digest = sha256(value).digest()
        for before, place, other in self.recent:
            if told is not None and link_digest(before, digest) == told and record != other:
                why = f"The one at offset {offset} was written as if it were not there."
                late = other.type == TERM_STARTED
                if late and place < max(self.fits, self.doubt.offset if self.doubt else -1):
                    break  # whoever began that term has decided since: the usual case
                self.doubt = Suspect("inserted", place, other.id, why, certain=not late, weak=late)

    def _misplaced(self, offset: int, record: EventRecord) -> None:
        wanted = self.progress.next
        if offset > wanted:
            why = f"The next one lies at offset {offset}."
            self._be_sure("removed", wanted, "", why).missing_offset = wanted
        else:
            self._be_sure("inserted", offset, record.id, "It is the second one at that offset.")

    def compare(self) -> None:
        """Compare with every checkpoint that attests this many events, or should have before."""
        while self.checkpoints and self.found is None and self.failed is None:
            one = self.checkpoints[0]
            here = self.chain.events == one.events
            if not here and self.progress.next <= one.offset:
                break
            if not here:
                what = f"{one.events} events up to it, there are {self.chain.events}"
                self.fails(one, "removed" if self.chain.events < one.events else "inserted", what)
            elif self.chain.hash.hex() != one.hash:
                self.fails(one, "changed", "another hash there")
            elif self.chain.offset != one.offset:
                self.moved(one)
            else:
                self.holds(one)
        self.due = self.checkpoints[0].events if self.checkpoints else -1
        self.due_offset = self.checkpoints[0].offset if self.checkpoints else 1 << 63

    def holds(self, one: Checkpoint) -> None:
        """Note that a checkpoint is right: all before it is as it was."""
        if one.broken is not None:
            why = f"Who signed at {one.time} had found the log to be another than it was."
            self.found = ChainFinding(self.partition, "reported", one.broken, "", why, self.after)
        self.good = self.checkpoints.popleft()
        self.held += 1
        self.doubt = self.bare = None

    def moved(self, one: Checkpoint) -> None:
        """Note that all that counts is there, but not where it was: other records came or went."""
        kind: Kind = "inserted" if self.chain.offset > one.offset else "removed"
        self.fails(one, kind, f"the events that end here at offset {self.chain.offset}")
        copied = self.doubt is not None and not self.doubt.header_clears
        self.found = self._conclude() if copied else self.failed

    def fails(self, one: Checkpoint, kind: Kind, what: str) -> None:
        """Note that a checkpoint is not right: something since the one before was changed."""
        said = f"The checkpoint of {one.time} attests for offset {one.offset} {what}."
        self.failed = ChainFinding(
            self.partition, kind, one.offset, "", said, self.after, exact=False
        )

    @property
    def after(self) -> int:
        """The offset up to which all is attested; -1: none."""
        return -1 if self.good is None else self.good.offset

    def _be_sure(self, kind: Kind, offset: int, id: str, detail: str) -> Suspect:  # noqa: A002
        if self.doubt is None or self.doubt.weak:
            self.doubt = Suspect(kind, offset, id, detail, certain=True)
        self.doubt.certain = True
        return self.doubt

    def damaged(self, why: str) -> None:
        """Note that what comes next cannot be read at all."""
        self._be_sure("changed", self.progress.next, "", why)

    def _conclude(self) -> ChainFinding | None:
        """Return what is wrong, once the records were looked at as far as need be."""
        if self.found is not None:
            return self.found
        if self.failed is None and self.checkpoints and not (self.doubt and self.doubt.certain):
            one = self.checkpoints[-1]
            self.fails(one, "truncated", f"{one.events} events; the log ends before")
            self.doubt = None if self.doubt is None or self.doubt.weak else self.doubt
        if self.doubt is None or not (self.doubt.certain or self.failed is not None):
            return self.failed
        if self.failed is not None and not self.after < self.doubt.offset <= self.failed.offset:
            return self.failed
        return self.doubt.finding(self.partition, self.after)

    def report(self) -> Report:
        """Return what was found, once all records were taken."""
        self.found = self._conclude()
        good = self.good
        attested = good and Attested(good.offset, good.events, good.hash, good.time)
        return Report(
            self.partition,
            self.records,
            self.chain.events,
            self.left_out,
            self.held,
            attested or None,
            self.chain.events - (good.events if good else 0),
            self.found,
        )

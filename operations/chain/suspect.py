"""A record that is not where it should be: what was done to the log, as later records show it."""

from __future__ import annotations

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.eventlog.integrity.hash_chain import link
from autolearn.operations.chain.findings import ChainFinding, Kind
from autolearn.schemas.codec import EventRecord

__all__ = ["Suspect"]


class Suspect:
    """The first thing that looks wrong on a partition. Nothing that comes before it does.

    A `certain` one cannot come about without somebody changing the log. Others can, and a `weak`
    one often does: it gives way to any other. They are dropped when a checkpoint, or with
    `header_clears` a later header, shows that nothing is missing. With `since` it may as well be
    about a record from that offset on.
    """

    def __init__(
        self,
        kind: Kind,
        offset: int,
        id: str,  # noqa: A002 - the record's word for it
        detail: str,
        *,
        certain: bool = False,
        weak: bool = False,
        header_clears: bool = True,
    ) -> None:
        self.kind, self.offset, self.id, self.detail = kind, offset, id, detail
        self.certain, self.weak, self.header_clears = certain, weak, header_clears
        self.missing_offset = self.missing_term = -1
        self.missing_answer = (-1, -1)
        self.before = b""
        self.since: int | None = None

    def see(self, offset: int, record: EventRecord, value: bytes, told: bytes | None) -> None:
        """Look at a record that comes later: it may say more about what was done."""
        if self.kind == "removed" and (
            offset == self.missing_offset
            or (record.type == TERM_STARTED and record.term == self.missing_term)
            or (record.term, record.commandoffset) == self.missing_answer
        ):
            self.kind, self.header_clears = "reordered", False
            self.detail += f" That one comes later, at offset {offset}."
        elif self.before and told is not None and link(self.before, value) == told:
            # Its writer knew nothing of the record in doubt, nor of any since.
            self.kind, self.before = "inserted", b""
            self.detail += f" The one at offset {offset} was written as if it were not there."

    def finding(self, partition: int, after: int) -> ChainFinding:
        """Return it as what is wrong."""
        if self.kind == "changed" and self.since is not None:
            after, exact = self.since - 1, False
            return ChainFinding(
                partition, self.kind, self.offset, self.id, self.detail, after, exact
            )
        return ChainFinding(partition, self.kind, self.offset, self.id, self.detail, after)

"""Finds the decider of a partition on the log: the record that began the present term."""

from __future__ import annotations

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.schemas.codec import EventRecord, clear_data, event_on_log, from_json
from autolearn.schemas.events import TermStarted


class TermHolders:
    """Finds the holder of each term, and caches it. Any thread may ask."""

    def __init__(self, lookup: RecordLookup) -> None:
        self.lookup = lookup
        self.known: dict[tuple[int, int], str] = {}

    def holder(self, partition: int, term: int, begin: int, end: int) -> str:
        """Return the process that began a term, "" if it is not found (blocks; about 1 ms a read).

        The terms between the offsets `begin` and `end` rise, except in late appends of a deposed
        decider. So bisection finds the first record of the term, its TermStarted; next to a late
        append it may miss it.

        Raises:
            LogError: the log cannot be read.
        """
        if (partition, term) not in self.known and begin < end and term > 0:
            low, high = begin, end - 1
            while low < high:
                middle = (low + high) // 2
                if self.at(partition, middle).term < term:
                    low = middle + 1
                else:
                    high = middle
            found = self.at(partition, low)
            if found.type == TERM_STARTED and found.term == term:
                self.known[partition, term] = from_json(clear_data(found), TermStarted).process
        return self.known.get((partition, term), "")

    def at(self, partition: int, offset: int) -> EventRecord:
        """Return the record at an offset."""
        return event_on_log(self.lookup.read({partition: [offset]})[0].value)


def newest(lookup: RecordLookup, partition: int, begin: int, end: int) -> EventRecord | None:
    """Return the last record of a partition, None when it has none (blocks).

    Raises:
        LogError: the log cannot be read.
    """
    if begin >= end:
        return None
    return event_on_log(lookup.read({partition: [end - 1]})[0].value)

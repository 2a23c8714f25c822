"""Reads the dead letters, the records of `commands` that were no commands."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable
from typing import NamedTuple

from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.log import Record, RecordSource
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.runtime.timestamps import text
from autolearn.schemas.codec import decode_command, from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.dead_letter import DeadLetter
from autolearn.schemas.reports.status import DeadLetterCount

_NAMESPACE = uuid.UUID("0d5ad1c3-3b1f-4b80-9a35-6b0f5a2f7c44")
"""Ids for commands without one are version-5 UUIDs in here."""
_AT_ONCE = 20
"""Letters that are read together: one may be 2 MiB."""
_LOOKED_AT = 200
"""Letters of a list that are read for one page at most, matching or not."""
_COUNTED = 200
"""The number of newest letters that are checked for being open."""
_DAY_MS = 24 * 3600 * 1000


class FoundDeadLetter(NamedTuple):
    """A dead letter, its offset on its own topic, and its time (milliseconds since 1970)."""

    partition: int
    offset: int
    time: int
    letter: DeadLetter

    @property
    def id(self) -> str:
        """The name of the letter."""
        return f"{self.partition}-{self.offset}"

    @property
    def when(self) -> str:
        """The time as RFC 3339."""
        return text(self.time)


class DeadLetters:
    """Reads the dead letters of an installation. All methods block; any thread may call them.

    Their topic has one partition, so that they have one order.
    """

    def __init__(self, log: RecordSource, topic: str, queries: ReadModelQueries) -> None:
        self.log, self.topic, self.queries = log, topic, queries
        self.lookup = RecordLookup(log, topic)
        self.lock = threading.Lock()
        self.newest: dict[int, tuple[str, int]] = {}
        """Of the newest letters the id of the command and the time, by offset."""

    def page(
        self, before: int | None, limit: int, reason: str
    ) -> tuple[list[FoundDeadLetter], int | None]:
        """Return letters, newest first, and the offset before which the next page begins.

        Only letters whose reason has these words match. A page may be short, or empty: only so many
        letters are read for it.

        Raises:
            LogError: the log cannot be read.
        """
        first, end = self.span()
        at = end if before is None else min(before, end)
        least, found, words = (
            max(first, at - _LOOKED_AT),
            list[FoundDeadLetter](),
            reason.casefold(),
        )
        while at > least and len(found) < limit:
            some = range(max(least, at - min(_AT_ONCE, limit)), at)
            for one in reversed(self.read(some)):
                at = one.offset
                if words in one.letter.reason.casefold():
                    found.append(one)
                if len(found) == limit:
                    break
        return found, at if at > first else None

    def get(self, partition: int, offset: int) -> FoundDeadLetter | None:
        """Return one letter.

        Raises:
            LogError: the log cannot be read.
        """
        first, end = self.span()
        if partition != 0 or not first <= offset < end:
            return None
        return self.read([offset])[0]

    def span(self) -> tuple[int, int]:
        """Return the offset of the oldest letter, and that of the next append."""
        return self.log.begins(self.topic)[0], self.log.ends(self.topic)[0]

    def read(self, offsets: Iterable[int]) -> list[FoundDeadLetter]:
        """Return the letters at existing offsets, in their order."""
        return [_found_in(record) for record in self.lookup.read({0: offsets})]

    def count(self, now: int) -> DeadLetterCount:
        """Count the letters; `now` is in milliseconds since 1970. Reads only new ones.

        Raises:
            LogError: the log cannot be read.
        """
        with self.lock:
            first, end = self.span()
            at = max(first, end - _COUNTED, *(offset + 1 for offset in self.newest))
            while at < end:
                some = self.read(range(at, min(end, at + _AT_ONCE)))
                self.newest |= {one.offset: (command_id(one), one.time) for one in some}
                at += len(some)
            oldest = max(first, end - _COUNTED)
            self.newest = {o: about for o, about in self.newest.items() if o >= oldest}
            times = [t for c, t in self.newest.values() if self.queries.answer(c) is None]
        return DeadLetterCount(end - first, len(times), sum(now - t < _DAY_MS for t in times))

    def close(self) -> None:
        """Close the connections."""
        self.lookup.close()


def _found_in(record: Record) -> FoundDeadLetter:
    """Return the letter of a record of `dead-letters`, also of a foreign one."""
    topic, value = record.topic, record.value
    partition, offset = record.partition, record.offset
    try:
        letter = from_json(value or b"", DeadLetter)
    except MalformedRecord as error:
        place = (topic, partition, offset)
        words = f"This is no dead letter: somebody else wrote it to {topic}. {error.detail}"
        letter = DeadLetter.of(place, record.key, value, words, record.headers)
    return FoundDeadLetter(partition, offset, record.time, letter)


def command_id(found: FoundDeadLetter) -> str:
    """Return the id of the command of a letter in a retry: always the same.

    It is the command's own, or, without a readable one, made from the record's place. So the answer
    to a command closes its letter, and a second retry does nothing.
    """
    letter = found.letter
    try:
        return decode_command(letter.value or b"").id
    except MalformedRecord:
        return str(uuid.uuid5(_NAMESPACE, f"{letter.topic}/{letter.partition}/{letter.offset}"))

"""The dead letters: records of `commands` that were no commands, read from their topic."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable
from typing import NamedTuple

from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.log import Log, Message
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.runtime.timestamps import text
from autolearn.schemas.codec import decode_command, from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.dead_letter import DeadLetter
from autolearn.schemas.reports.status import DeadLetterCount

__all__ = ["FoundDeadLetter", "DeadLetters", "command_id"]

NAMESPACE = uuid.UUID("0d5ad1c3-3b1f-4b80-9a35-6b0f5a2f7c44")
"""Ids of commands that have none of their own are version-5 UUIDs in here."""
AT_ONCE = 20
"""Letters that are read in one go: one may be 2 MiB."""
LOOKED_AT = 200
"""Letters of a list that are read for one page at most, whether they fit the filter or not."""
COUNTED = 200
"""Of so many of the newest letters it is known whether they are open."""
DAY_MS = 24 * 3600 * 1000


class FoundDeadLetter(NamedTuple):
    """A dead letter, where it lies on its own topic, and since when (milliseconds since 1970)."""

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
    """Reads the dead letters of an installation. All of it blocks; any thread may.

    Their topic has one partition, so that they have one order.
    """

    def __init__(self, log: Log, topic: str, queries: ReadModelQueries) -> None:
        self.log, self.topic, self.queries = log, topic, queries
        self.lookup = RecordLookup(log, topic)
        self.lock = threading.Lock()
        self.newest: dict[int, tuple[str, int]] = {}
        """Of the newest letters the id of the command and the time, by offset."""

    def page(
        self, before: int | None, limit: int, reason: str
    ) -> tuple[list[FoundDeadLetter], int | None]:
        """Return letters, newest first, and the offset before which the next page begins.

        Only those are returned whose reason has these words. A page may be short, or empty: only
        so many letters are looked at for it.

        Raises:
            LogError: the log cannot be read.
        """
        first, end = self.span()
        at = end if before is None else min(before, end)
        least, found, words = max(first, at - LOOKED_AT), list[FoundDeadLetter](), reason.casefold()
        while at > least and len(found) < limit:
            some = range(max(least, at - min(AT_ONCE, limit)), at)
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
        """Return the offset of the oldest letter, and the one that the next will get."""
        return self.log.begins(self.topic)[0], self.log.ends(self.topic)[0]

    def read(self, offsets: Iterable[int]) -> list[FoundDeadLetter]:
        """Return the letters at offsets that there are, in their order."""
        return [_found_in(message) for message in self.lookup.read({0: offsets})]

    def count(self, now: int) -> DeadLetterCount:
        """Count the letters; `now` is in milliseconds since 1970. Reads only new ones.

        Raises:
            LogError: the log cannot be read.
        """
        with self.lock:
            first, end = self.span()
            at = max(first, end - COUNTED, *(offset + 1 for offset in self.newest))
            while at < end:
                some = self.read(range(at, min(end, at + AT_ONCE)))
                self.newest |= {one.offset: (command_id(one), one.time) for one in some}
                at += len(some)
            oldest = max(first, end - COUNTED)
            self.newest = {o: about for o, about in self.newest.items() if o >= oldest}
            times = [t for c, t in self.newest.values() if self.queries.answer(c) is None]
        return DeadLetterCount(end - first, len(times), sum(now - t < DAY_MS for t in times))

    def close(self) -> None:
        """Let go of the connections."""
        self.lookup.close()


def _found_in(message: Message) -> FoundDeadLetter:
    """Return the letter of a record of `dead-letters`, also when somebody else wrote it there."""
    topic, value = message.topic() or "", message.value()
    partition, offset = message.partition() or 0, message.offset() or 0
    try:
        letter = from_json(value or b"", DeadLetter)
    except MalformedRecord as error:
        place = (topic, partition, offset)
        words = f"This is no dead letter: somebody else wrote it to {topic}. {error.detail}"
        letter = DeadLetter.of(place, message.key(), value, words, message.headers() or ())
    return FoundDeadLetter(partition, offset, message.timestamp()[1], letter)


def command_id(found: FoundDeadLetter) -> str:
    """Return the id that the command of a letter has when it is put back: always the same.

    It is its own, or, where it has none that can be read, one made from where it lay. So the answer
    to a command tells that its letter is done with, and a second retry does nothing.
    """
    letter = found.letter
    try:
        return decode_command(letter.value or b"").id
    except MalformedRecord:
        return str(uuid.uuid5(NAMESPACE, f"{letter.topic}/{letter.partition}/{letter.offset}"))

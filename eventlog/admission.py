"""The admission rule, which decides which records on `events` count. Every reader applies it.

Per partition a reader keeps the term and the offset of the last command answered. `TermStarted`
with a higher term sets the term. Any other event counts only if its term is the current one, its
command lies after the last one answered, and its `prev` is that last one. So late appends of a
paused decider do not count, a command that is delivered twice is answered once, and a batch that
the broker rejected in the middle of a pipeline leaves no hole.
"""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.codec import EventRecord
from autolearn.schemas.events import TermStarted
from autolearn.schemas.messages import type_of

TERM_STARTED = type_of(TermStarted)


class PartitionProgress(Struct):
    """The progress of a reader on one partition of `events`.

    `next` is the offset to read next; `term` and `last` belong to the admission rule (`last` is the
    offset of the last command answered, -1 for none); `id` is the id of the record before `next`,
    by which a reader recognises the log.
    """

    next: int = 0
    term: int = 0
    last: int = -1
    id: str = ""

    def admit(self, record: EventRecord) -> bool:
        """Return whether a record counts; a record that counts advances the progress."""
        if record.type == TERM_STARTED:
            if record.term <= self.term:
                return False
            self.term = record.term
            return True
        if (
            record.term != self.term
            or record.commandoffset <= self.last
            or record.prev != self.last
        ):
            return False
        self.last = record.commandoffset
        return True

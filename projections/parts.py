"""The parts in which read models can be folded: views whose tables the same handlers write.

A part alone gives the rows that folding everything (`projections.views.fold`) gives in its tables;
tests/projections/test_one_view.py compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.projections.rows import Rows
from autolearn.projections.views import VIEWS, answers, catalog, sessions, streams, users
from autolearn.schemas.codec import EventRecord, lifted

__all__ = ["PARTS", "Folding", "Part", "part_of"]

Folding = Callable[[Rows, EventRecord, int, int], None]
"""Takes one admitted event, which lies on a partition at an offset, into rows."""


class Part(NamedTuple):
    """Views that can only be folded together, and how one event in its present version is."""

    views: tuple[str, ...]
    take: Folding

    def fold(self, rows: Rows, record: EventRecord, partition: int, offset: int) -> None:
        """Take one admitted event into these views alone.

        Raises:
            UnknownType: this program does not know the event's type.
            MalformedRecord: its data do not fit its type.
        """
        if record.type != TERM_STARTED:
            self.take(rows, lifted(record), partition, offset)

    def other_tables(self) -> list[str]:
        """Return the tables of all views but these."""
        return [t for view, tables in VIEWS.items() if view not in self.views for t in tables]


def by_type(handlers: Mapping[str, Callable[[Rows, EventRecord], None]]) -> Folding:
    """Return a fold that leaves each event to the handler of its type, if there is one."""

    def take(rows: Rows, record: EventRecord, _: int, __: int) -> None:
        handle = handlers.get(record.type)
        if handle is not None:
            handle(rows, record)

    return take


PARTS = (
    Part(("catalog",), by_type(catalog.HANDLERS)),
    # A commit moves rows from one view to the other, and an experiment's runs stay where they are.
    Part(("sessions", "experiments"), by_type(sessions.HANDLERS)),
    Part(("users",), by_type(users.HANDLERS)),
    Part(("answers",), lambda rows, record, *_: answers.fold(rows, record)),
    Part(("streams",), streams.fold),
)


def part_of(view: str) -> Part | None:
    """Return what must be folded for a view, or None if there is no such view."""
    return next((part for part in PARTS if view in part.views), None)

"""The read models, by name. `fold` takes one admitted event into all of them."""

from __future__ import annotations

from autolearn.projections.rows import Rows
from autolearn.projections.views import answers, catalog, experiments, sessions, streams
from autolearn.schemas.codec import EventRecord, event_of

__all__ = ["VIEWS", "fold"]

VIEWS: dict[str, tuple[str, ...]] = {
    "catalog": catalog.TABLES,
    "sessions": sessions.TABLES,
    "experiments": experiments.TABLES,
    "answers": answers.TABLES,
    "streams": streams.TABLES,
}
"""The tables of each view: the first parts of their keys."""


def fold(rows: Rows, record: EventRecord, partition: int, offset: int) -> None:
    """Take one admitted event into every view. Equal events on equal rows give equal rows."""
    streams.fold(rows, record, partition, offset)
    event = event_of(record)
    answers.fold(rows, record, event)
    catalog.fold(rows, record, event)
    sessions.fold(rows, record, event)

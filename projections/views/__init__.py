"""The read models, by name. `fold` folds one admitted event into all of them."""

from __future__ import annotations

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.views import (
    catalog,
    command_answers,
    experiments,
    sessions,
    stream_index,
    users,
)
from autolearn.schemas.codec import EventRecord, lifted

__all__ = ["FORMAT", "VIEWS", "fold"]

VIEWS: dict[str, tuple[str, ...]] = {
    "catalog": catalog.TABLES,
    "sessions": sessions.TABLES,
    "experiments": experiments.TABLES,
    "users": users.TABLES,
    "answers": command_answers.TABLES,
    "streams": stream_index.TABLES,
}
"""The tables of each view: the first parts of their keys."""

FORMAT = 1
"""Rises whenever the same log gives other rows than before: stores of another format are rebuilt.
tests/projections/test_format.py notices when it should have risen."""

_HANDLERS = catalog.HANDLERS | sessions.HANDLERS | users.HANDLERS
"""The handler of each event type, for the catalog, sessions, experiments and users."""


def fold(rows: RowBatch, record: EventRecord, partition: int, offset: int) -> None:
    """Fold one admitted event into every view. Equal events on equal rows give equal rows.

    Raises:
        UnknownType: this program does not know the event's type.
        MalformedRecord: its data do not fit its type.
    """
    handle = _HANDLERS.get(record.type)
    if handle is None:
        if record.type == TERM_STARTED:
            return
        record = lifted(record)
        handle = _HANDLERS.get(record.type)
    stream_index.fold(rows, record, partition, offset)
    command_answers.fold(rows, record)
    if handle is not None:
        handle(rows, record)

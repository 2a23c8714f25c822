"""The read models, by name. `fold` folds one admitted event into all of them."""

from __future__ import annotations

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import Readable
from autolearn.projections.views import (
    catalog,
    command_answers,
    experiments,
    groups,
    models,
    pipelines,
    sessions,
    streams,
    users,
)
from autolearn.schemas.codec import EventRecord, lifted

__all__ = ["FORMAT", "VIEWS", "digests_of", "fold"]

VIEWS = {
    view.name: view
    for view in (
        catalog.VIEW,
        sessions.VIEW,
        experiments.VIEW,
        users.VIEW,
        groups.VIEW,
        models.VIEW,
        pipelines.VIEW,
        command_answers.VIEW,
        streams.VIEW,
    )
}

FORMAT = 13
"""Rises whenever the same log gives other rows than before: stores of another format are rebuilt.
tests/projections/test_format.py notices when it should have risen."""

_HANDLERS = {type_: fold for view in VIEWS.values() for type_, fold in view.handlers.items()}
_INDEXERS = tuple(view.indexer for view in VIEWS.values() if view.indexer is not None)


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
    for index in _INDEXERS:
        index(rows, record, partition, offset)
    if handle is not None:
        handle(rows, record)


def digests_of(content: Readable) -> dict[str, str]:
    """Return the digest of every view."""
    return {name: view.digest(content) for name, view in VIEWS.items()}

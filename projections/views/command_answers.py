"""The answer to each command, by the command's id, which makes a retry safe."""

from __future__ import annotations

from autolearn.projections.rows import command_answers
from autolearn.projections.rows.command_answers import ANSWERS, Answer
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.views.view import View
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of
from autolearn.schemas.messages import type_of

_UNSUCCESSFUL = {
    type_of(events.Refused),
    type_of(events.CommandFailed),
    type_of(events.CommandQuarantined),
}


def _answer(rows: RowBatch, record: EventRecord, _: int, __: int) -> None:
    """Store an event as the answer to its command."""
    reason = detail = ""
    if record.type in _UNSUCCESSFUL:
        match event_of(record):
            case events.Refused() as refused:
                reason, detail = refused.reason, refused.detail
            case events.CommandFailed() as failed:
                reason, detail = "command-failed", failed.detail
            case events.CommandQuarantined() as quarantined:
                reason, detail = "command-quarantined", quarantined.reason
    answer = Answer(
        record.subject,
        record.sequence,
        record.type,
        record.time,
        record.fingerprint,
        reason,
        detail,
    )
    rows.put_once(ANSWERS, answer, record.causationid)


VIEW = View("answers", command_answers, indexer=_answer)

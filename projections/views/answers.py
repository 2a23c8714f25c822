"""How each command was answered, by the command's id: what makes a retry safe."""

from __future__ import annotations

from autolearn.projections.models import Answer
from autolearn.projections.rows import Rows
from autolearn.projections.store import key
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.messages import Event

__all__ = ["TABLES", "answer_key", "fold"]

TABLES = ("answer",)


def answer_key(command: str) -> bytes:
    """Return the key of a command's answer."""
    return key("answer", command)


def fold(rows: Rows, record: EventRecord, event: Event) -> None:
    """Note the answer that an event is."""
    if isinstance(event, events.TermStarted):
        return
    match event:
        case events.Refused(reason=reason, detail=detail):
            pass
        case events.CommandFailed(detail=detail):
            reason = "command-failed"
        case _:
            reason = detail = ""
    rows.put(
        answer_key(record.causationid),
        Answer(
            stream=record.subject,
            sequence=record.sequence,
            type=record.type,
            time=record.time,
            fingerprint=record.fingerprint,
            reason=reason,
            detail=detail,
        ),
    )

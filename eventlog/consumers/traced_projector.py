"""A projector whose projection receives the trace context of each event."""

from __future__ import annotations

from typing import Protocol

from autolearn.eventlog.consumers.projector import Projection, Projector
from autolearn.eventlog.log import Record
from autolearn.runtime.trace_context import trace_in
from autolearn.schemas.codec import EventRecord


class TracedProjection(Projection, Protocol):
    """A projection with trace context: `traceparent` of the present event, "" for none."""

    traceparent: str


class TracedProjector(Projector):
    """A projector that sets its projection's `traceparent` before it folds an event."""

    projection: TracedProjection

    def fold(self, records: list[Record]) -> list[EventRecord]:
        """Fold records; they are stored with the next `commit`. Return the admitted events."""
        admitted = []
        for record in records:
            self.projection.traceparent = str(trace_in(record.headers) or "")
            if (event := self.take(record)) is not None:
                admitted.append(event)
        return admitted

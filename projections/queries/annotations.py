"""Queries about annotations."""

from __future__ import annotations

from autolearn.projections.queries.decrypting_reader import DecryptingReader, Queries
from autolearn.projections.rows.annotations import ANNOTATIONS, StoredAnnotation
from autolearn.schemas.codec import from_json
from autolearn.schemas.events import SessionAnnotated
from autolearn.schemas.rest.annotations import Annotations, Attachment, Note
from autolearn.schemas.values import NO_RUN, AttachedFile, RunId, SessionId

NOTHING_SAID = Annotations()


class AnnotationQueries(Queries):
    """What users have said about sessions, experiments and their trainings."""

    def __init__(self, rows: DecryptingReader) -> None:
        super().__init__(rows)
        self._session, self._found = SessionId(""), dict[RunId, Annotations]()

    def of(self, session: SessionId, run: RunId = NO_RUN) -> Annotations:
        """Return the annotations of a session or experiment, or of its training (decrypts).

        Those of the session that was asked for last are cached.

        Raises:
            Unreadable: the key of the session is not there.
        """
        if self._session != session:
            self._session, self._found = session, self._all(session)
        return self._found.get(run, NOTHING_SAID)

    def file(self, session: SessionId, run: RunId, name: str) -> AttachedFile | None:
        """Return the newest file of a name that is attached to a training (decrypts).

        Raises:
            Unreadable: the key of the session is not there.
        """
        found = None
        for row in self.rows.scan(ANNOTATIONS, session):
            if row.run == run:
                data = self.rows.opens(f"session/{session}", row.data)
                file = from_json(data, SessionAnnotated).file
                found = file if file is not None and file.name == name else found
        return found

    def _all(self, session: SessionId) -> dict[RunId, Annotations]:
        """Return the annotations of a session or experiment (NO_RUN) and of its trainings."""
        said: dict[RunId, list[tuple[StoredAnnotation, SessionAnnotated]]] = {}
        stream = f"session/{session}"
        for row in self.rows.scan(ANNOTATIONS, session):
            self.rows.looked += 1
            event = from_json(self.rows.opens(stream, row.data), SessionAnnotated)
            said.setdefault(row.run, []).append((row, event))
        return {run: _together(events) for run, events in said.items()}


def _together(said: list[tuple[StoredAnnotation, SessionAnnotated]]) -> Annotations:
    """Return several annotations as one; the newest value of a logged figure counts."""
    tags = dict[str, None]()
    for _, event in said:
        tags |= dict.fromkeys(event.tags)
        tags = {tag: None for tag in tags if tag not in event.untag}
    notes = tuple(Note(event.note, row.actor, row.time) for row, event in said if event.note)
    logged = {name: value for _, event in said for name, value in event.metrics.items()}
    files = {
        event.file.name: Attachment(
            event.file.name,
            event.file.media,
            event.file.bytes,
            event.file.sha256,
            row.actor,
            row.time,
        )
        for row, event in said
        if event.file is not None
    }
    return Annotations(
        tags=tuple(tags), notes=notes, logged=logged, attachments=tuple(files.values())
    )

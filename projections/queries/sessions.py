"""Queries about sessions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from msgspec import Raw

from autolearn.eventlog.encryption.session_cipher import key_of_kept
from autolearn.projections.queries.decrypting_reader import After, DecryptingReader
from autolearn.projections.rows.stored_rows import (
    StoredExperiment,
    StoredSession,
)
from autolearn.projections.rows.view_rows import (
    EndedRow,
    IndexEntry,
)
from autolearn.projections.storage.store import key, prefix_of
from autolearn.schemas.codec import from_json
from autolearn.schemas.events import SessionOpened
from autolearn.schemas.rest.sessions import Reader, SessionRow
from autolearn.security.data_key import Unreadable


class SessionQueries(DecryptingReader):
    """Open sessions, and the owners and readers of all."""

    def session(self, session: str) -> SessionRow | None:
        """Return an open session."""
        row = self.get(key("session", session), StoredSession)
        if row is None:
            return None
        opened = self.opened(session, row.opened)
        return SessionRow(
            id=session,
            title=opened.title if opened else "",
            created=row.created,
            actor=row.actor,
            updated=row.updated,
            sequence=row.sequence,
            expires=opened.expires if opened else 0,
            expiring=row.expiring,
            unreadable=opened is None,
        )

    def opened(self, session: str, data: Raw) -> SessionOpened | None:
        """Return the event that opened a session, None if it cannot be read."""
        try:
            return from_json(self.opens(f"session/{session}", data), SessionOpened)
        except Unreadable:
            return None

    def session_keyid(self, session: str) -> str | None:
        """Return the id of the key of a session or experiment, "" if it has none.

        None: there is none, or nothing of it was kept.
        """
        row: StoredSession | StoredExperiment | None
        row = self.get(key("session", session), StoredSession)
        row = row or self.get(key("experiment", session), StoredExperiment)
        return None if row is None else key_of_kept(row.opened)

    def ended(self, session: str) -> EndedRow | None:
        """Return the end of a session."""
        return self.get(key("session-ended", session), EndedRow)

    def sessions(self, after: After, limit: int, whose: str | None = None) -> list[SessionRow]:
        """Return the first of what `each_session` yields."""
        return list(islice(self.each_session(after, whose), limit))

    def each_session(self, after: After, whose: str | None = None) -> Iterator[SessionRow]:
        """Yield open sessions, newest first, past (time of creation, id).

        Without `whose` those of all users, else those that this user owns or reads. Each is read
        and decrypted on demand.
        """
        ids = self.newest("session", after, whose)
        return (row for at in ids if (row := self.session(at)) is not None)

    def has_session(self, session: str) -> bool:
        """Return whether a session is open."""
        return self.content.get(key("session", session)) is not None

    def count_runs(self, session: str) -> int:
        """Return the number of an open session's runs, ended ones included."""
        row = self.get(key("session", session), StoredSession)
        return 0 if row is None else row.runs

    def newest(self, kind: str, after: After, whose: str | None) -> Iterator[str]:
        """Yield the ids of sessions or experiments, the newest first."""
        if whose is None:
            return self.by_time((f"{kind}-by-time",), after)
        return self.by_time((f"{kind}-of", whose), after)

    def by_time(self, index: tuple[str, ...], after: After) -> Iterator[str]:
        """Yield the ids in an index, newest first."""
        bound = key(*index, *after) if after else b""
        for at, _ in self.content.scan(prefix_of(*index), after=bound, reverse=True):
            yield at.rpartition(b"\x00")[2].decode()

    def session_ids(self, start: str) -> Iterator[str]:
        """Yield the ids of all sessions ever, with a prefix, in order."""
        for at, _ in self.content.scan(key("session-owner", start)):
            yield at.rpartition(b"\0")[2].decode()

    def owner(self, session: str) -> str | None:
        """Return the user who opened a session; None if there never was one."""
        row = self.get(key("session-owner", session), IndexEntry)
        return None if row is None else row.id

    def readers(self, session: str) -> list[Reader]:
        """Return the readers of a session or experiment by name, without its owner."""
        return list(self.scan(prefix_of("session-reader", session), Reader))

    def is_reader(self, session: str, user: str) -> bool:
        """Return whether a session or experiment is shared with a user."""
        return self.get(key("session-reader", session, user), Reader) is not None

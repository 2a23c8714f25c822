"""Queries about sessions."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby

from msgspec.structs import replace

from autolearn.eventlog.encryption.session_cipher import key_of_kept
from autolearn.projections.queries.annotations import NOTHING_SAID, AnnotationQueries
from autolearn.projections.queries.decrypting_reader import After, DecryptingReader, Queries
from autolearn.projections.queries.groups import GroupQueries
from autolearn.projections.rows import experiments, sessions
from autolearn.projections.storage.table import IndexEntry, Table
from autolearn.schemas.actors import GROUP, group_name
from autolearn.schemas.codec import from_json
from autolearn.schemas.events import SessionOpened, SessionRenamed
from autolearn.schemas.rest.annotations import Annotations
from autolearn.schemas.rest.sessions import Reader, SessionRow
from autolearn.schemas.values import SessionId
from autolearn.security.data_key import Unreadable

Index = Table[IndexEntry]


class SessionQueries(Queries):
    """Open sessions, and the owners and readers of all."""

    def __init__(
        self, rows: DecryptingReader, annotations: AnnotationQueries, groups: GroupQueries
    ) -> None:
        super().__init__(rows)
        self.annotations, self.groups = annotations, groups

    def get(self, session: SessionId) -> SessionRow | None:
        """Return an open session."""
        row = self.rows.get(sessions.OPEN, session)
        if row is None:
            return None
        opened, said = self.opened(session, row), self.said(session, row)
        return SessionRow(
            id=session,
            title=opened.title if opened else "",
            created=row.created,
            actor=row.actor,
            updated=row.updated,
            sequence=row.sequence,
            expires=opened.expires if opened else 0,
            expiring=row.expiring,
            tags=said.tags,
            notes=said.notes,
            unreadable=opened is None,
        )

    def opened(
        self, session: SessionId, row: sessions.StoredSession | experiments.StoredExperiment
    ) -> SessionOpened | None:
        """Return the event that opened a session, with the newest title; None if unreadable."""
        stream = f"session/{session}"
        try:
            opened = from_json(self.rows.opens(stream, row.opened), SessionOpened)
            if row.renamed == sessions.NOT_RENAMED:
                return opened
            title = from_json(self.rows.opens(stream, row.renamed), SessionRenamed).title
        except Unreadable:
            return None
        return replace(opened, title=title)

    def said(
        self, session: SessionId, row: sessions.StoredSession | experiments.StoredExperiment
    ) -> Annotations:
        """Return the annotations of a session or experiment itself, as far as they can be read."""
        try:
            return self.annotations.of(session) if row.annotations else NOTHING_SAID
        except Unreadable:
            return NOTHING_SAID

    def keyid(self, session: SessionId) -> str | None:
        """Return the id of the key of a session or experiment, "" if it has none.

        None: there is none, or nothing of it was kept.
        """
        row = self.rows.get(sessions.OPEN, session) or self.rows.get(experiments.KEPT, session)
        return None if row is None else key_of_kept(row.opened)

    def runs(self, session: SessionId) -> int:
        """Return how many runs were requested in a session, 0 if it is not open."""
        row = self.rows.get(sessions.OPEN, session)
        return 0 if row is None else row.runs

    def ended(self, session: SessionId) -> sessions.EndedRow | None:
        """Return the end of a session."""
        return self.rows.get(sessions.ENDED, session)

    def is_committed(self, session: SessionId) -> bool:
        """Return whether a session has become an experiment, and that is not deleted."""
        end = self.ended(session)
        return end is not None and end.how == "committed"

    def newest(
        self, after: After = None, whose: str | None = None, *, shared: bool = False
    ) -> Iterator[SessionRow]:
        """Yield open sessions, newest first, past (time of creation, id).

        Without `whose` those of all users, else those that this user owns or has a grant of; or
        only those that others have `shared`. Each is read and decrypted on demand.
        """
        ids = self.ids(after, whose, shared=shared)
        return (row for at in ids if (row := self.get(at)) is not None)

    def ids(
        self, after: After = None, whose: str | None = None, *, shared: bool = False
    ) -> Iterator[SessionId]:
        """Yield the ids of what `newest` yields."""
        if whose is None:
            return map(SessionId, self.rows.newest(sessions.BY_TIME, after=after))
        own, granted = sessions.OF_USER, sessions.SHARED_WITH
        return self.of_user(own, granted, whose, after, shared=shared)

    def of_user(
        self, own: Index, granted: Index, user: str, after: After, *, shared: bool
    ) -> Iterator[SessionId]:
        """Yield the ids of two indexes by user and time, newest first.

        These are own ones, and those granted to the user or to a group of the user; or only those
        that others have `shared`.
        """
        lists = [] if shared else [self.rows.by_time(own, user, after=after)]
        names = (user, *map(group_name, self.groups.of_user(user)))
        lists += [self.rows.by_time(granted, name, after=after) for name in names]
        for (_, name), _ in groupby(heapq.merge(*lists, reverse=True)):
            session = SessionId(name)
            if not shared or self.owner(session) != user:
                yield session

    def ids_ever(self, after: After = None) -> Iterator[SessionId]:
        """Yield the ids of all sessions ever, newest first, past (time of creation, id)."""
        return map(SessionId, self.rows.newest(sessions.EVER_BY_TIME, after=after))

    def ids_with(self, start: str) -> Iterator[SessionId]:
        """Yield the ids of all sessions ever, with a prefix, in order."""
        return map(SessionId, self.rows.names(sessions.OWNERS, start=start))

    def is_open(self, session: SessionId) -> bool:
        """Return whether a session is open."""
        return self.rows.has(sessions.OPEN, session)

    def count_runs(self, session: SessionId) -> int:
        """Return the number of an open session's runs, ended ones included."""
        row = self.rows.get(sessions.OPEN, session)
        return 0 if row is None else row.runs

    def holder(self, session: SessionId) -> str:
        """Return the holder of the quotas that a session counts for; of an experiment its owner."""
        row = self.rows.get(sessions.OPEN, session)
        return (self.owner(session) or "") if row is None else row.holder

    def owner(self, session: SessionId) -> str | None:
        """Return the user who opened a session; None if there never was one."""
        row = self.rows.get(sessions.OWNERS, session)
        return None if row is None else row.id

    def readers(self, session: SessionId) -> list[Reader]:
        """Return the users and groups with a grant of a session or experiment, by name."""
        return list(self.rows.scan(sessions.READERS, session))

    def group_grants(self, session: SessionId) -> Iterator[Reader]:
        """Yield the grants of a session or experiment to groups."""
        return (row for _, row in self.rows.items(sessions.READERS, session, start=GROUP))

    def reader(self, session: SessionId, user: str) -> Reader | None:
        """Return the grant of a session or experiment to a user or group/<name>."""
        return self.rows.get(sessions.READERS, session, user)

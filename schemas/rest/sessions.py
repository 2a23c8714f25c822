"""The answers of service `sessions`."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.rest.annotations import Note
from autolearn.schemas.rest.page import Links
from autolearn.schemas.rest.runs import LiveProgress, RunSummary
from autolearn.schemas.values import May, SessionId


class SessionRow(Struct, frozen=True):
    """An open session. It begins to expire when it is unused for `expires` seconds; 0: never.

    `expiring` is when it expires, if that was announced and it is unused since.

    In all rows, encrypted data that cannot be read are empty and `unreadable` is set: the key is
    shredded, or this process does not have it.
    """

    id: SessionId
    title: str
    created: str
    actor: str
    updated: str
    sequence: int
    """The number of the newest event of the session's stream."""
    expires: int = 0
    expiring: str = ""
    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    unreadable: bool = False


class SessionSummary(SessionRow, kw_only=True, frozen=True):
    """An open session in a list. The title of one that is confidential is `withheld`."""

    withheld: bool = False
    links: Links


class SessionOverview(SessionSummary, kw_only=True, frozen=True):
    """An open session. `counts` are by kind of work and status; `running` are the first of those.

    Its content is `withheld` from those who may only see that it exists.
    """

    counts: dict[str, dict[str, int]]
    running: list[LiveProgress]


class Session(SessionOverview, kw_only=True, frozen=True):
    """An open session with a page of its runs, in the order of their requests."""

    runs: list[RunSummary]
    next: str | None


class Renamed(Struct):
    """A session or experiment with another title."""

    id: str
    title: str


class Discarded(Struct):
    """A session that was discarded, with the runs that this stopped."""

    id: str
    discarded: str
    cancelled: tuple[str, ...]


class Reader(Struct, frozen=True, gc=False):
    """A user or group/<name> who `may` read a session, or work in it as well, since a time."""

    user: str
    since: str
    may: May = "read"

"""Open sessions, and the owners and readers of all.

A row holds the raw data of events, so that a fold neither decodes nor encodes nor decrypts them: a
query does, for the few rows that it returns (`queries`). The rows of which there are millions are
JSON arrays, without the names of their fields.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Raw, Struct

from autolearn.projections.storage.table import IndexEntry, Table
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.values import NO_RUN, RunId

NOT_RENAMED = Raw(b"null")


class StoredSession(Struct, array_like=True, gc=False):
    """An open session, with the number of its runs and the id of the `newest`.

    `opened` is the data of the event that opened it, `renamed` of the one that renamed it last.
    `expiring` is when it expires, if that was announced and it is unused since. `shared` says
    whether it ever had a reader besides its owner; `annotations` counts those ever made. It and its
    runs count for the quotas of the `holder`.
    """

    opened: Raw
    created: str
    actor: str
    updated: str
    sequence: int
    runs: int = 0
    newest: RunId = NO_RUN
    expiring: str = ""
    shared: bool = False
    renamed: Raw = NOT_RENAMED
    annotations: int = 0
    holder: str = ""


class EndedRow(Struct, frozen=True, gc=False):
    """The end of a session, its time, and the runs that it stopped."""

    how: Literal["committed", "discarded", "expired", "deleted"]
    time: str
    cancelled: tuple[RunId, ...] = ()


OPEN = Table("session", StoredSession)
"""The open ones, by id."""
BY_TIME = Table("session-by-time", IndexEntry)
"""The open ones, by time of creation and id."""
OF_USER = Table("session-of", IndexEntry)
"""The open ones, by owner, time of creation and id."""
HELD_BY = Table("session-held", IndexEntry)
"""The open ones, by the holder of the quotas that they count for, and id."""
SHARED_WITH = Table("session-with", IndexEntry)
"""The open ones, by user or group/<name> with a grant, time of creation and id."""
EVER_BY_TIME = Table("session-opened", IndexEntry)
"""All ever, by time of creation and id."""
OWNERS = Table("session-owner", IndexEntry)
"""All ever, by id: the owner."""
BY_OWNER = Table("session-owned", IndexEntry)
"""All ever, by owner and id."""
READERS = Table("session-reader", Reader)
"""By session or experiment, and user or group/<name>."""
BY_READER = Table("session-shared", IndexEntry)
"""By user or group/<name>, and id."""
ENDED = Table("session-ended", EndedRow)

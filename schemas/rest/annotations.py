"""What users say about sessions, experiments and trainings."""

from __future__ import annotations

from msgspec import Struct


class Note(Struct, frozen=True):
    """A note, the user who wrote it, and its time (RFC 3339)."""

    text: str
    actor: str
    time: str


class Attachment(Struct, frozen=True):
    """A file that a user attached to a training, with its SHA-256 (hex)."""

    name: str
    media: str
    bytes: int
    sha256: str
    actor: str
    time: str


class Annotations(Struct, frozen=True, kw_only=True):
    """The tags and notes of a session, experiment or training, the newest note last.

    `logged` are figures that a user computed and logged with a training, by name; `attachments` are
    files.
    """

    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    logged: dict[str, float] = {}
    attachments: tuple[Attachment, ...] = ()


class Annotated(Annotations, frozen=True, kw_only=True):
    """A session, experiment or training after it was annotated."""

    id: str

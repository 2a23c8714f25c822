"""Notes and tags, as tables have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from autolearn.client.cli.output import number, when
from autolearn.schemas.rest.annotations import Note

_LONGEST = 40
"""Characters of the newest note in a list."""


class _Said(Protocol):
    """What has tags and notes."""

    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def notes(self) -> tuple[Note, ...]: ...


def said_of(one: _Said) -> dict[str, str]:
    """Return tags and notes as pairs of a name and text; a note has a line of its own."""
    notes = [f"{when(note.time)} {note.actor}: {note.text}" for note in one.notes]
    figures = getattr(one, "logged", {}).items()  # sessions have none
    logged = ", ".join(f"{name} {number(value)}" for name, value in figures)
    files = [
        f"{file.name} ({file.media}, {file.bytes:,} bytes)"
        for file in getattr(one, "attachments", ())
    ]
    return {
        "tags": ", ".join(one.tags),
        "logged": logged,
        "attached": "\n".join(files),
        "notes": "\n".join(notes),
    }


def add_columns(heads: list[str], lines: Sequence[list[object]], of: Sequence[_Said]) -> None:
    """Add columns with the tags and the newest note of each line, where any line has some."""
    if any(one.tags for one in of):
        heads.append("tags")
        for line, one in zip(lines, of, strict=True):
            line.append(", ".join(one.tags))
    if any(one.notes for one in of):
        heads.append("note")
        for line, one in zip(lines, of, strict=True):
            line.append(newest(one))


def newest(one: _Said) -> str:
    """Return the first line of the newest note, cut."""
    words = one.notes[-1].text.strip().partition("\n")[0] if one.notes else ""
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"

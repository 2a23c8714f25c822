"""The fixed bounds: how large what is said may be. What an operator chooses is in `settings`."""

from __future__ import annotations

from collections.abc import Iterable

from autolearn.schemas.errors import TooLarge

__all__ = [
    "DEEPEST_VALUE",
    "LARGEST_COMMAND",
    "LARGEST_EVENT",
    "LARGEST_MESSAGE",
    "LARGEST_RESULT",
    "LONGEST_NAME",
    "LONGEST_TEXT",
    "MOST_HYPERPARAMETERS",
    "MOST_VALUES",
    "SESSION_READERS",
    "SESSION_RUNS",
    "check_size",
    "cut",
    "size_of",
]

KIB, MIB = 1024, 1024 * 1024

LARGEST_COMMAND = MIB
"""Bytes of a command as it is sent: encrypted, in its envelope, with its key and headers."""

LARGEST_RESULT = MIB
"""Bytes of the command with which a worker reports the end of a run, measured in the same way."""

LARGEST_EVENT = 2 * MIB
"""Bytes of an answer as it is sent. A command in clear may be answered by an event that is not."""

LARGEST_MESSAGE = 4 * MIB
"""Bytes of anything that is put on the log. Topics allow twice that, for headers and growth."""

LONGEST_NAME = 200
"""Characters of a name or a label: of a column, a class, a category."""

LONGEST_TEXT = 10_000
"""Characters of what a command says for people, such as why a run has failed."""

MOST_HYPERPARAMETERS = 200
"""Hyperparameters that one training is given."""

MOST_VALUES = 10_000
"""Values in a hyperparameter that is an array or an object, with the names in objects."""

DEEPEST_VALUE = 4
"""Levels of arrays and objects in a hyperparameter."""

SESSION_READERS = 200
"""Users with whom one session is shared."""
SESSION_RUNS = 5000
"""Runs of one session."""


def size_of(value: bytes, key: str | bytes | None, headers: Iterable[tuple[str, bytes]]) -> int:
    """Return the bytes of a record as it is sent."""
    return len(value) + len(key or b"") + sum(len(name) + len(word) for name, word in headers)


def check_size(what: str, size: int, most: int, advice: str = "") -> None:
    """Raise TooLarge if there are more bytes than the bound allows."""
    if size > most:
        raise TooLarge(f"{what} has {size:,} bytes; at most {most:,} are taken.", advice=advice)


def cut(text: str, most: int = LONGEST_NAME) -> str:
    """Return a name or label, a long one as its beginning."""
    return text if len(text) <= most else f"{text[: most - 1]}…"

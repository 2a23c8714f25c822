"""The base types of all messages on the log."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Command(Struct, frozen=True, gc=False):
    """A request to change one stream, in the imperative. Every command is answered by one event."""

    version: ClassVar[int] = 1


class Event(Struct, frozen=True, gc=False):
    """The decision on a command, in the past tense. `version` rises when fields change meaning."""

    version: ClassVar[int] = 1


def type_of(message: type[Command | Event]) -> str:
    """Return the CloudEvents type of a message class, such as `autolearn.SessionOpened.v1`."""
    return f"autolearn.{message.__name__}.v{message.version}"

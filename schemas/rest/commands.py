"""The answers of service `commands`."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.rest.page import Links
from autolearn.schemas.values import JsonValue


class CommandState(Struct):
    """The state of a command: pending, accepted or refused; or checked, and not sent.

    `resource` is the one that an accepted command made or changed, `problem` the reason of a
    refused one.
    """

    id: str
    state: str
    stream: str | None = None
    resource: str | None = None
    problem: dict[str, JsonValue] | None = None
    links: Links = {}

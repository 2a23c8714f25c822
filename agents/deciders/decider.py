"""What a decider is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from autolearn.schemas.messages import Command, Event

__all__ = ["Decider"]


class Decider(NamedTuple):
    """The rules of one kind of stream.

    `commands` are those that it answers; any other is refused before `decide` is asked. `kind` is
    the type of the state (a Struct or a union of tagged Structs), by which it is stored.
    """

    initial: Any
    decide: Callable[[Any, Any], Event]
    evolve: Callable[[Any, Event], Any]
    kind: Any
    commands: tuple[type[Command], ...]

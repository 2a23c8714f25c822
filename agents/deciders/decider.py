"""The decider, and its view of a state with parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct

from autolearn.schemas.actors import Actor
from autolearn.schemas.messages import Command, Event

P = TypeVar("P", bound=Struct)
S = TypeVar("S")
C = TypeVar("C", bound=Command)


def _nothing(_: str) -> None:
    """Find no part."""


class Parts(Generic[P]):
    """The parts of a state by their ids, each stored in a row of its own. Immutable.

    Rules read the parts that a command names: its cost does not grow with their number. `changed`
    are those that were set since the stream was loaded; `stored` finds the others.
    """

    def __init__(
        self,
        stored: Callable[[str], P | None] = _nothing,
        changed: Mapping[str, P | None] | None = None,
    ) -> None:
        self.stored = stored
        self.changed: Mapping[str, P | None] = changed or {}

    def get(self, part: str) -> P | None:
        """Return a part, or None."""
        return self.changed[part] if part in self.changed else self.stored(part)

    def put(self, parts: Mapping[str, P | None]) -> Parts[P]:
        """Return all parts after some were set, or removed (None)."""
        return Parts(self.stored, {**self.changed, **parts})

    def __eq__(self, other: object) -> bool:
        """Compare what was changed."""
        return isinstance(other, Parts) and self.changed == other.changed

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Parts({self.changed!r})"


NO_PARTS: Parts[Any] = Parts()
"""The default of a state's `parts`, which are not stored with it."""


class Decider(NamedTuple, Generic[S, C]):
    """The rules of one kind of stream.

    `commands` are those that it answers; any other is refused before `decide` is called. `kind` is
    the type of the state (a Struct or a union of tagged Structs), by which it is stored. A state
    with parts of the type `part` has them in a field `parts`.

    Both functions receive the actor of the command; `evolve` the name alone.
    """

    initial: S
    decide: Callable[[S, C, Actor], Event]
    evolve: Callable[[S, Event, str], S]
    kind: Any
    commands: tuple[type[Command], ...]
    part: type[Struct] | None = None

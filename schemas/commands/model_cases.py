"""Commands of the named cases of a model."""

from __future__ import annotations

from autolearn.schemas.messages import Command
from autolearn.schemas.models.cases import Answer
from autolearn.schemas.values import JsonValue


class AddCase(Command, frozen=True, omit_defaults=True):
    """Add a row whose answers are compared at each promotion; `expect` is the right answer."""

    row: dict[str, JsonValue]
    name: str = ""
    expect: Answer | None = None


class RemoveCase(Command, frozen=True):
    """Remove a case, by its number."""

    number: int

"""Events of the named cases of a model."""

from __future__ import annotations

from autolearn.schemas.messages import Event
from autolearn.schemas.models.cases import Answer
from autolearn.schemas.values import JsonValue


class CaseAdded(Event, frozen=True, omit_defaults=True):
    """A row is a case of the model, of which the first is 1; `expect` is the right answer."""

    number: int
    row: dict[str, JsonValue]
    name: str = ""
    expect: Answer | None = None


class CaseRemoved(Event, frozen=True):
    """There is no such case any more. Its number is not given again."""

    number: int

"""The answers about the named cases of a model."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.models.cases import Answer
from autolearn.schemas.values import JsonValue


class ModelCase(Struct, kw_only=True, frozen=True):
    """A named row of a model, and the answer that is `expect`ed, None if nobody said it.

    `row` is None if it cannot be read.
    """

    number: int
    name: str
    row: dict[str, JsonValue] | None
    expect: Answer | None = None
    added: str
    actor: str


class CaseAnswer(Struct, kw_only=True, frozen=True):
    """What a version answers to a case, or why it `failed`; and the probability of a label.

    `as_expected` is None if nobody said what is right.
    """

    number: int
    name: str
    answer: Answer | None = None
    probability: float | None = None
    failed: str = ""
    expect: Answer | None = None
    as_expected: bool | None = None


class CaseRun(Struct, kw_only=True, frozen=True):
    """The answers of a version to the named cases of its model."""

    model: str
    version: int
    answers: list[CaseAnswer]

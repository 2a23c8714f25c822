"""The definition of a pipeline: its parameters and its steps, as a file declares them."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from autolearn.schemas.values import JsonValue

ParameterType = Literal["string", "integer", "number", "boolean", "date"]


class Parameter(Struct, frozen=True, omit_defaults=True):
    """A parameter of a pipeline: `${NAME}` in its steps. Without a default a run has to give it.

    A date is text as in RFC 3339: 2026-11-27. `minimum` and `maximum` bound numbers, inclusive.
    """

    type: ParameterType = "string"
    default: JsonValue | UnsetType = UNSET
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[JsonValue, ...] = ()
    summary: str = ""


class Step(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A step: a `kind` of the catalog with `parameters`, under a name of its own.

    `inputs` are the steps whose results it takes, in the order of its tables. Its result is kept as
    a version of the dataset `keep_as` ("": it is not). With `cache` never it runs each time. It has
    `attempts` where its function raises an error; the limits are in seconds and MiB (None: the
    operator's). It runs where a worker has all `labels`.
    """

    name: str
    kind: str
    parameters: dict[str, JsonValue] = {}
    inputs: tuple[str, ...] = ()
    keep_as: str = ""
    cache: Literal["auto", "never"] = "auto"
    attempts: int = 1
    time_limit: float | None = None
    memory_limit: int | None = None
    labels: dict[str, str] = {}


class Definition(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A pipeline: the default inputs of its steps are filled in, and each follows its inputs.

    With `commit` auto the session of a run is committed at its end, with ask it waits for its
    owner. `keep` bounds what stays of ended runs: `last 30` is that many, `30d` that many days.
    """

    name: str
    steps: tuple[Step, ...]
    summary: str = ""
    parameters: dict[str, Parameter] = {}
    seed: int = 0
    commit: Literal["auto", "ask"] = "auto"
    keep: str = "last 30"


_KEEP = re.compile(r"last ([1-9]\d{0,3})|([1-9]\d{0,3})d")
KEEP_WORDS = "last N (runs) or Nd (days), such as last 30 or 30d"
"""What `Definition.keep` may be."""


def kept_runs(keep: str) -> int | None:
    """Return how many runs are kept, None if days say it."""
    found = _KEEP.fullmatch(keep)
    return int(found[1]) if found and found[1] else None


def kept_days(keep: str) -> int | None:
    """Return for how many days runs are kept, None if their number says it."""
    found = _KEEP.fullmatch(keep)
    return int(found[2]) if found and found[2] else None

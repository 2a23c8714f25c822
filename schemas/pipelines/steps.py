"""The kinds of steps: what each takes, gives, and can be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from autolearn.schemas.bounds import LONGEST_TEXT, cut
from autolearn.schemas.pipelines.nearest import unknown_word
from autolearn.schemas.values import Domain, JsonValue

Port = Literal["table", "split", "models", "scores", "choice", "version", "files"]
"""What goes from step to step.

A split is a table, and how its rows are split. Models are the trainings of a train step, scores
these with their evaluations, a choice the best of them, a version one that was registered.
"""

PORT_WORDS: dict[Port, str] = {
    "table": "a table",
    "split": "a split",
    "models": "models",
    "scores": "scores",
    "choice": "a choice",
    "version": "a version",
    "files": "files",
}
"""The names of ports in sentences."""


DRIVEN = frozenset({"source", "split", "train", "evaluate", "compare", "promote", "deliver"})
"""The steps that are done by the process that drives a pipeline: no package has one of the name."""


Path = tuple[str | int, ...]
"""A value inside of a value: the names and indices that lead to it."""


class Unresolved(str):
    """A value that is not known yet: it has a parameter of the pipeline without a default."""

    __slots__ = ()


class StepParameter(Struct, frozen=True, omit_defaults=True):
    """A parameter of a step: its value lies in one of the `domains`.

    `columns` says that it names columns of the table: one, or an array of them. An object has the
    `fields`, if there are any; each element of an array, or value of an object with names of its
    own, is as `each` says. A default of None stands for no value.
    """

    name: str
    domains: tuple[Domain, ...]
    default: JsonValue | UnsetType = UNSET
    """Unset: it must be given."""
    summary: str = ""
    columns: bool = False
    fields: tuple[StepParameter, ...] = ()
    each: StepParameter | None = None

    def refusal(self, value: JsonValue) -> str | None:
        """Return why `value` is not accepted; None if it is."""
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            return f"{self.name} has {len(value):,} characters; at most {LONGEST_TEXT:,} are taken"
        if any(domain.fits(value) for domain in self.domains):
            return None
        allowed = " or ".join(str(domain) for domain in self.domains)
        given = cut(msgspec.json.encode(value, enc_hook=str).decode())
        return f"{self.name} must be {allowed}; got {given}"

    def faults(self, value: JsonValue) -> Iterator[tuple[Path, str]]:
        """Yield each part of a value that is not accepted, and why."""
        if isinstance(value, Unresolved):
            return
        if refusal := self.refusal(value):
            yield (), refusal
        elif isinstance(value, dict) and self.fields:
            yield from object_faults(self.fields, value, self.name)
        elif self.each is not None and isinstance(value, list | tuple | dict):
            for key, part in value.items() if isinstance(value, dict) else enumerate(value):
                yield from (((key, *path), why) for path, why in self.each.faults(part))


def object_faults(
    fields: tuple[StepParameter, ...], given: dict[str, JsonValue], what: str
) -> Iterator[tuple[Path, str]]:
    """Yield each fault of an object that has these fields: the path to it, and a sentence."""
    known = {field.name: field for field in fields}
    for name, value in given.items():
        if name in known:
            yield from (((name, *path), why) for path, why in known[name].faults(value))
        else:
            yield (name,), unknown_word(what, "key", name, known)
    for field in fields:
        if field.default is UNSET and field.name not in given:
            yield (), f"{what} needs {field.name}: {field.summary}"


class StepSpec(Struct, frozen=True, omit_defaults=True):
    """A kind of step of the catalog.

    `takes` are what the inputs may be, in their order, each one of several ports. Exactly one of
    the parameters `one_of` is given, if it names some. The parameter `reads` names a dataset of the
    catalog; with it the step takes no table. With `row_wise` its function makes each row of the
    result from one row of the table, so that it can be kept in a model, unless one of the
    parameters `needs_rows` is given. `driven` steps are done by
    the process that drives the pipeline; others are functions of a `package`, whose sources have
    the SHA-256 `digest` (hex), and run in a process of their own: with `network` outside the fence.
    """

    name: str
    summary: str
    takes: tuple[tuple[Port, ...], ...] = (("table", "split"),)
    gives: Port = "table"
    parameters: tuple[StepParameter, ...] = ()
    one_of: tuple[str, ...] = ()
    reads: str = ""
    driven: bool = False
    row_wise: bool = False
    needs_rows: tuple[str, ...] = ()
    network: bool = False
    package: str = ""
    package_version: str = ""
    digest: str = ""

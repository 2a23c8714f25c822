"""What differs between two definitions of a pipeline. The order of steps does not count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from autolearn.schemas.pipelines.definition import Definition, Parameter, Step
from autolearn.schemas.pipelines.faults import pointer_of
from autolearn.schemas.pipelines.steps import Path
from autolearn.schemas.values import JsonValue


class PipelineDifference(Struct, frozen=True, omit_defaults=True):
    """One difference: in a `step`, or in what holds for all steps ("").

    `pointer` is a JSON pointer (RFC 6901) into the step, or the definition; "" is all of it. There
    is no value `before` of what was added, and none `after` of what was removed.
    """

    what: Literal["added", "removed", "changed"]
    step: str
    pointer: str
    before: JsonValue | UnsetType = UNSET
    after: JsonValue | UnsetType = UNSET


def differences(before: Definition, after: Definition) -> list[PipelineDifference]:
    """Return the differences: the general ones, then by step in the order of the later one."""
    found = list(_between("", (), _general(before), _general(after)))
    old = {step.name: _plain(step) for step in before.steps}
    new = {step.name: _plain(step) for step in after.steps}
    for name in {**new, **old}:
        found += _between(name, (), old.get(name, UNSET), new.get(name, UNSET))
    return found


def _general(definition: Definition) -> dict[str, JsonValue]:
    fields = asdict(definition)
    del fields["steps"]
    return fields | {"parameters": {name: _plain(p) for name, p in definition.parameters.items()}}


def _plain(of: Step | Parameter) -> dict[str, JsonValue]:
    """Return the fields of a step or parameter as JSON values, but those that are not given."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(of).items()
        if value is not UNSET and name != "name"
    }


def _between(
    step: str, path: Path, before: JsonValue | UnsetType, after: JsonValue | UnsetType
) -> Iterator[PipelineDifference]:
    if before is UNSET:
        yield PipelineDifference("added", step, pointer_of(path), after=after)
    elif after is UNSET:
        yield PipelineDifference("removed", step, pointer_of(path), before=before)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            below = before.get(name, UNSET), after.get(name, UNSET)
            yield from _between(step, (*path, name), *below)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _between(step, (*path, index), old, new)
    elif type(before) is not type(after) or before != after:
        yield PipelineDifference("changed", step, pointer_of(path), before, after)

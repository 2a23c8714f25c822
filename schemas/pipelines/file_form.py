"""A definition in the form of its file, as a JSON value: `parse` makes the same of it."""

from __future__ import annotations

from msgspec import to_builtins

from autolearn.schemas.pipelines.definition import Definition, Step
from autolearn.schemas.pipelines.file_keys import KEEP_TABLE
from autolearn.schemas.values import JsonValue


def file_form(definition: Definition) -> dict[str, JsonValue]:
    """Return the file of a definition, without what has its default. Inputs are all named."""
    found = to_builtins(definition)
    del found["name"], found["steps"]
    return {"pipeline": definition.name, **found, "steps": [_step(one) for one in definition.steps]}


def _step(step: Step) -> dict[str, JsonValue]:
    found = to_builtins(step)
    kind, parameters = found.pop("kind"), found.pop("parameters", {})
    name, inputs, keep_as = found.pop("name"), found.pop("inputs", ()), found.pop("keep_as", "")
    return {
        kind: parameters,
        "name": name,
        **({"from": list(inputs)} if inputs else {}),
        **({"keep": f"{KEEP_TABLE}{keep_as}"} if keep_as else {}),
        **found,
    }

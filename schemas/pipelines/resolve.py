"""Putting the parameters of a run into the definition of its pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET
from msgspec.structs import replace

from autolearn.schemas.pipelines.definition import Definition, Parameter, Step
from autolearn.schemas.pipelines.document import INTEGER, NUMBER
from autolearn.schemas.pipelines.faults import FaultList
from autolearn.schemas.pipelines.file_keys import KEEP_TABLE, as_key
from autolearn.schemas.pipelines.nearest import unknown_word
from autolearn.schemas.pipelines.order import StepDraft
from autolearn.schemas.pipelines.references import References, value_refusal
from autolearn.schemas.pipelines.step_checks import (
    NOT_CHECKED,
    CatalogNames,
    check_catalog_names,
    check_forecasts,
    check_step,
    unknown_kind,
)
from autolearn.schemas.pipelines.steps import Path, StepSpec
from autolearn.schemas.values import JsonValue


def resolve(
    definition: Definition,
    given: Mapping[str, JsonValue],
    steps: Mapping[str, StepSpec],
    offered: CatalogNames = NOT_CHECKED,
) -> Definition:
    """Return a definition with the values of its parameters put in: the given ones, else defaults.

    A text is converted to the type of its parameter, as it comes from a command line. The result
    has no parameters any more.

    Raises:
        PipelineInvalid: a parameter is unknown, absent or does not fit, or a step does not with it.
    """
    faults = FaultList()
    declared = definition.parameters
    values: dict[str, JsonValue] = {}
    for name in given:
        if name not in declared:
            words = unknown_word("the pipeline", "parameter", name, declared)
            faults.add(("parameters", name), words)
    for name, one in declared.items():
        value = _converted(given[name], one) if name in given else one.default
        if value is UNSET:
            faults.add(
                ("parameters", name), f"{name} must be given: {as_key(name, one).domains[0]}"
            )
        elif refusal := value_refusal(name, one, value):
            faults.add(("parameters", name), refusal)
        else:
            values[name] = value
    references = References(declared, values, faults)
    drafts: list[StepDraft] = []
    found: list[Step] = []
    for index, step in enumerate(definition.steps):
        path: Path = ("steps", index)
        spec = steps.get(step.kind)
        if spec is None:
            faults.add(path, unknown_kind(step.kind, steps))
        keys = {"keep": f"{KEEP_TABLE}{step.keep_as}"} if step.keep_as else {}
        draft = StepDraft(path, step.name, step.kind, spec, step.parameters, step.inputs, keys)
        parameters = check_step(draft, references, faults, below="parameters")
        drafts.append(draft)
        keep_as = str(references.put_in(step.keep_as, path))
        found.append(replace(step, parameters=parameters, keep_as=keep_as))
    values = {step.name: step.parameters for step in found}
    inputs = {step.name: step.inputs for step in found}
    check_forecasts(drafts, values, inputs, faults, below="parameters")
    check_catalog_names(drafts, values, offered, faults, below="parameters")
    faults.check()
    return replace(definition, parameters={}, steps=tuple(found))


def _converted(value: JsonValue, declared: Parameter) -> JsonValue:
    """Return a text as a value of a parameter's type; anything else as it is."""
    if not isinstance(value, str):
        return value
    match declared.type:
        case "integer" if len(value) <= 20 and INTEGER.fullmatch(value):
            return int(value)
        case "number" if NUMBER.fullmatch(value):
            return float(value)
        case "boolean":
            return {"true": True, "false": False}.get(value, value)
        case _:
            return value

"""The JSON Schema of a pipeline's file (draft 2020-12), with which editors complete and check it.

It says less than `parse`: not which step takes what, nor which parameters there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET

from autolearn.schemas.bounds import LONGEST_TEXT
from autolearn.schemas.pipelines.file_keys import (
    FILE,
    MOST_PARAMETERS,
    MOST_STEPS,
    PARAMETER_NAME,
    STEP,
)
from autolearn.schemas.pipelines.steps import StepParameter, StepSpec
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.values import Domain

Schema = dict[str, Any]

_REFERENCE = {"$ref": "#/$defs/reference"}
_NAME = f"^{KINDS['step'].pattern.pattern}$"


def json_schema(steps: Mapping[str, StepSpec]) -> Schema:
    """Return the JSON Schema of files whose steps are of these kinds, by name."""
    file = _object(FILE, references=False)
    file["properties"]["pipeline"]["pattern"] = _NAME
    file["properties"]["parameters"] |= {
        "maxProperties": MOST_PARAMETERS,
        "propertyNames": {"pattern": f"^{PARAMETER_NAME.pattern}$"},
    }
    file["properties"]["steps"] |= {
        "minItems": 1,
        "maxItems": MOST_STEPS,
        "items": {"$ref": "#/$defs/step"},
    }
    step = _object(STEP, references=False)
    step["properties"]["name"]["pattern"] = _NAME
    step["properties"] |= {name: _kind(spec) for name, spec in sorted(steps.items())}
    step["oneOf"] = [{"required": [name]} for name in sorted(steps)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of AutoLearn",
        **file,
        "$defs": {
            "step": step,
            "reference": {
                "description": "A parameter of the pipeline: ${NAME}.",
                "type": "string",
                "pattern": rf"\$\{{{PARAMETER_NAME.pattern}\}}",
            },
        },
    }


def _kind(spec: StepSpec) -> Schema:
    found = _object(spec.parameters, references=True)
    if spec.one_of:
        found["oneOf"] = [{"required": [name]} for name in spec.one_of]
    elif "required" not in found:
        found["type"] = ["object", "null"]
    return {"description": spec.summary, **found}


def _object(fields: Iterable[StepParameter], *, references: bool) -> Schema:
    found: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _value(field, references=references) for field in fields},
    }
    if needed := [field.name for field in fields if field.default is UNSET]:
        found["required"] = needed
    return found


def _value(parameter: StepParameter, *, references: bool) -> Schema:
    """Return the schema of a value; with `references` it may be a parameter of the pipeline."""
    options = [_domain(one, parameter, references=references) for one in parameter.domains]
    scalar = [one for one in parameter.domains if one.type not in ("array", "object")]
    if references and scalar and not any(map(_is_text, scalar)):
        options.append(_REFERENCE)
    found: Schema = {"description": parameter.summary} if parameter.summary else {}
    if parameter.default is not UNSET and parameter.default is not None:
        found["default"] = parameter.default
    return {**found, **(options[0] if len(options) == 1 else {"anyOf": options})}


def _is_text(domain: Domain) -> bool:
    return domain.type == "string" and not domain.choices


def _domain(domain: Domain, parameter: StepParameter, *, references: bool) -> Schema:
    if domain.choices:
        return {"enum": list(domain.choices)}
    if domain.type == "object" and parameter.fields:
        return _object(parameter.fields, references=references)
    found: Schema = {"type": domain.type}
    if domain.type == "string":
        found["maxLength"] = LONGEST_TEXT
    if parameter.each is not None and domain.type in ("array", "object"):
        key = "items" if domain.type == "array" else "additionalProperties"
        found[key] = _value(parameter.each, references=references)
    if domain.minimum is not None:
        found["exclusiveMinimum" if domain.exclusive_minimum else "minimum"] = domain.minimum
    if domain.maximum is not None:
        found["exclusiveMaximum" if domain.exclusive_maximum else "maximum"] = domain.maximum
    return found

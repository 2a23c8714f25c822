"""The keys of a pipeline's file, but for the parameters of its steps."""

from __future__ import annotations

import re
from typing import get_args

from autolearn.schemas.pipelines.definition import Parameter, ParameterType
from autolearn.schemas.pipelines.steps import StepParameter
from autolearn.schemas.values import Domain, JsonValue

MOST_STEPS, MOST_PARAMETERS = 200, 100
"""Steps and parameters of one pipeline."""
PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
KEEP_TABLE = "dataset:"

TEXT, NUMBER, BOOLEAN = Domain("string"), Domain("number"), Domain("boolean")
ARRAY, OBJECT = Domain("array"), Domain("object")
COUNT = Domain("integer", 0, 2**53)
FRACTION = Domain("number", 0, 1, exclusive_minimum=True, exclusive_maximum=True)
_SCALARS = (TEXT, NUMBER, BOOLEAN)


def key(
    name: str,
    summary: str,
    *domains: Domain,
    default: JsonValue = None,
    columns: bool = False,
    fields: tuple[StepParameter, ...] = (),
    each: StepParameter | None = None,
) -> StepParameter:
    """Return a key that may be left out. It is text, if it has no domains."""
    return StepParameter(name, domains or (TEXT,), default, summary, columns, fields, each)


def needed(name: str, summary: str, *domains: Domain) -> StepParameter:
    """Return a key that must be given. It is text, if it has no domains."""
    return StepParameter(name, domains or (TEXT,), summary=summary)


def words(*choices: str) -> Domain:
    """Return the domain of some words."""
    return Domain("string", choices=choices)


_DECLARATION = StepParameter(
    "parameter",
    (OBJECT,),
    fields=(
        key("type", "The type of its values.", words(*get_args(ParameterType)), default="string"),
        key("default", "Its value, unless a run gives one.", *_SCALARS),
        key("minimum", "The least number, inclusive.", NUMBER),
        key("maximum", "The greatest number, inclusive.", NUMBER),
        key("choices", "The values that it may have.", ARRAY, each=key("choice", "", *_SCALARS)),
        key("summary", "A few words for people."),
    ),
)

FILE = (
    needed("pipeline", "The name of the pipeline."),
    key("summary", "A few words for people."),
    key(
        "parameters",
        "Values that a run may give: ${NAME} in the parameters of steps.",
        OBJECT,
        each=_DECLARATION,
    ),
    key("seed", "All that is random comes from it.", Domain("integer", 0, 2**32 - 1), default=0),
    key(
        "commit",
        "auto: the session of a run is committed at its end; ask: it waits for you.",
        words("auto", "ask"),
        default="auto",
    ),
    key("keep", "What stays of ended runs: `last 30`, or `30d` (days).", default="last 30"),
    needed("steps", "The steps, each with a kind and its parameters.", ARRAY),
)

STEP = (
    key("name", "Its name; without it the kind, then the kind with -2 …"),
    key(
        "from",
        "The steps whose results it takes; without it the nearest ones before it.",
        TEXT,
        ARRAY,
        each=key("step", ""),
    ),
    key("keep", "dataset:NAME keeps its table as a version of that dataset."),
    key(
        "cache",
        "never: it runs each time, whatever the cache has.",
        words("auto", "never"),
        default="auto",
    ),
    key("attempts", "Where its function raises an error.", Domain("integer", 1, 10), default=1),
    key("time_limit", "Seconds.", Domain("number", 0, 30 * 86400, exclusive_minimum=True)),
    key("memory_limit", "MiB of resident memory.", Domain("integer", 256, 2**24)),
    key(
        "labels",
        "Labels that its worker must have; of cores, memory and gpu at least so many.",
        OBJECT,
        each=key("label", "", TEXT, Domain("integer", 0)),
    ),
)
"""The keys of a step beside its kind."""


def as_key(name: str, declared: Parameter) -> StepParameter:
    """Return a parameter of a pipeline as a key, so that its values can be checked."""
    kind = "string" if declared.type == "date" else declared.type
    domain = Domain(kind, declared.minimum, declared.maximum, choices=declared.choices)
    return StepParameter(name, (domain,), summary=declared.summary)

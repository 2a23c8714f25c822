"""Parameters of pipelines: their declarations, and `${NAME}` in the values of steps.

A value that is exactly `${NAME}` becomes the value of the parameter; inside of a text it is put in
as text. `$${NAME}` stands for the text `${NAME}`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from autolearn.schemas.bounds import cut
from autolearn.schemas.pipelines.definition import Parameter
from autolearn.schemas.pipelines.document import LARGEST_TEXT
from autolearn.schemas.pipelines.faults import FaultList
from autolearn.schemas.pipelines.file_keys import MOST_PARAMETERS, PARAMETER_NAME, as_key
from autolearn.schemas.pipelines.nearest import unknown_word
from autolearn.schemas.pipelines.steps import Path, Unresolved
from autolearn.schemas.values import JsonValue

_REFERENCE = re.compile(r"(\$)?\$\{([^{}]*)\}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def declared_parameters(given: JsonValue, faults: FaultList) -> dict[str, Parameter]:
    """Return the declarations of a file's `parameters`; what is wrong in them is recorded.

    Faults of keys and types are not: they are found before.
    """
    found: dict[str, Parameter] = {}
    if not isinstance(given, dict):
        return found
    if len(given) > MOST_PARAMETERS:
        faults.add(("parameters",), f"there are {len(given):,}; at most {MOST_PARAMETERS} may be")
    for name, fields in given.items():
        path = ("parameters", name)
        if not PARAMETER_NAME.fullmatch(name):
            faults.add(
                path,
                f"{cut(name, 60)!r} cannot name a parameter: 1 to 100 letters, digits and "
                "underscores, not beginning with a digit",
            )
        try:
            found[name] = msgspec.convert(fields, Parameter)
        except msgspec.ValidationError:
            found[name] = Parameter()  # its fault is recorded
            continue
        _check_declaration(name, found[name], faults)
    return found


def _check_declaration(name: str, declared: Parameter, faults: FaultList) -> None:
    path = ("parameters", name)
    low, high = declared.minimum, declared.maximum
    if declared.type not in ("integer", "number"):
        for field in ("minimum", "maximum"):
            if getattr(declared, field) is not None:
                faults.add((*path, field), f"a {declared.type} has no {field}: say choices")
    elif low is not None and high is not None and low > high:
        faults.add((*path, "minimum"), f"the minimum of {name} is greater than its maximum")
    plain = msgspec.structs.replace(declared, choices=())
    for index, choice in enumerate(declared.choices):
        if fault := value_refusal(name, plain, choice):
            faults.add((*path, "choices", index), fault)
    if declared.default is not UNSET and (fault := value_refusal(name, declared, declared.default)):
        faults.add((*path, "default"), f"the default does not fit: {fault}{_advice(declared)}")


def _advice(declared: Parameter) -> str:
    """Return the type that the default has, where none was said."""
    if declared.type != "string" or isinstance(declared.default, str):
        return ""
    kind = "boolean" if isinstance(declared.default, bool) else "number"
    return f"; say `type: {kind}`"


def value_refusal(name: str, declared: Parameter, value: JsonValue) -> str | None:
    """Return why a value does not fit a parameter; None if it does."""
    if refusal := as_key(name, declared).refusal(value):
        return refusal
    if declared.type == "date" and not _is_date(value):
        return f"{name} must be a date such as 2026-11-27; got {cut(value, 60)!r}"
    return None


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


class References:
    """Puts the values of parameters into those of steps.

    `values` are those that are known; others of the `declared` ones become Unresolved.
    """

    def __init__(
        self, declared: Mapping[str, Parameter], values: Mapping[str, JsonValue], faults: FaultList
    ) -> None:
        self._declared = declared
        self._values = values
        self._faults = faults
        self._left = LARGEST_TEXT

    def put_in(self, value: JsonValue, path: Path) -> JsonValue:
        """Return a value with its parameters put in; faults are recorded at the path."""
        if isinstance(value, str):
            return self._text(value, path) if "${" in value else value
        if isinstance(value, dict):
            return {name: self.put_in(one, (*path, name)) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.put_in(one, (*path, index)) for index, one in enumerate(value)]
        return value

    def _text(self, text: str, path: Path) -> JsonValue:
        names = [name for escaped, name in _REFERENCE.findall(text) if not escaped]
        for name in names:
            if name not in self._declared:
                known = [f"${{{one}}}" for one in self._declared]
                words = unknown_word("the pipeline", "parameter", f"${{{name}}}", known)
                self._faults.add(path, f"{words} ($${{{cut(name, 60)}}} is the text)")
        if any(name not in self._values for name in names):
            return Unresolved(text)
        whole = _REFERENCE.fullmatch(text)
        if whole and not whole[1]:
            return self._values[whole[2]]
        self._left -= len(text) + sum(len(_as_text(self._values[name])) for name in names)
        if self._left < 0:
            self._faults.add(
                path, f"with the parameters put in, there are more than {LARGEST_TEXT:,} characters"
            )
            return Unresolved(text)
        return _REFERENCE.sub(
            lambda found: found[0][1:] if found[1] else _as_text(self._values[found[2]]), text
        )


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

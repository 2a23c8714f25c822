"""The bounds on the parts of a command: names, and values as JSON."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from autolearn.schemas.bounds import (
    DEEPEST_VALUE,
    ERASURE_TEXT,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_COLUMNS,
    MOST_HYPERPARAMETERS,
    MOST_VALUES,
    PIPELINE_TEXT,
)
from autolearn.schemas.errors import TooLarge
from autolearn.schemas.messages import Command

_TEXTS = {
    **dict.fromkeys(("detail", "summary", "password", "why", "reason"), LONGEST_TEXT),
    **dict.fromkeys(("sample", "notes"), LONGEST_TEXT),
    "text": PIPELINE_TEXT,
    "types": MOST_COLUMNS,  # a letter for each column of a dataset
    "requests": ERASURE_TEXT,
}
"""The characters of fields that hold more than a name."""
_RESULTS = (
    *("parameters", "environment", "metrics", "files"),
    *("left_out", "averages", "unseen", "notes", "baseline"),
)
"""The fields of results, which are bounded together when the command is sent."""


def check_command(command: Command, data: Raw) -> None:
    """Check the size of every name and hyperparameter of a command.

    `data` are the encoded data of the command.

    Raises:
        TooLarge: one is larger than its bound; the error names both.
    """
    if _perhaps_long(bytes(data)):
        _check_fields(command, type(command).__name__)
    elif isinstance(given := getattr(command, "hyperparameters", None), dict):
        _check_hyperparameters(given)


def _perhaps_long(data: bytes) -> bool:
    """Return whether a text in JSON may be longer than a name: in most commands none is."""
    return b"\\" in data or max(map(len, data.split(b'"'))) > LONGEST_NAME


def _check_fields(part: Struct, where: str) -> None:
    """Check the fields of a command or of a part of one."""
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if name == "hyperparameters" and isinstance(value, dict):
            _check_hyperparameters(value)
        elif name not in _RESULTS or isinstance(value, tuple):
            _check_part(value, name, where)


def _check_part(value: Any, name: str, where: str) -> None:
    """Check a value in a field, and what is in it."""
    if isinstance(value, str):
        most = _TEXTS.get(name, LONGEST_NAME)
        if len(value) > most:
            raise TooLarge(
                f"{name} of {where} has {len(value):,} characters; at most {most:,} are taken."
            )
    elif isinstance(value, Struct):
        _check_fields(value, where)
    elif isinstance(value, tuple | dict):
        for one in value:
            _check_part(one, name, where)


def _check_hyperparameters(given: dict[str, Any]) -> None:
    """Check the size of hyperparameters, for any estimator."""
    if len(given) > MOST_HYPERPARAMETERS:
        raise TooLarge(
            f"There are {len(given):,} hyperparameters; at most {MOST_HYPERPARAMETERS} are taken."
        )
    for name, value in given.items():
        _check_part(name, "hyperparameters", "RequestTraining")
        if fault := value_fault(value):
            raise TooLarge(f"A hyperparameter {fault}.")


def value_fault(value: Any) -> str:
    """Describe the part of a JSON value that exceeds a hyperparameter's bounds; "" for none."""
    if value is None or isinstance(value, bool | int | float):
        return ""
    left, level = [value], 0
    many = 0
    while left:
        many += len(left)
        if many > MOST_VALUES:
            return f"holds more than {MOST_VALUES:,} values"
        if level > DEEPEST_VALUE:
            return f"is nested deeper than {DEEPEST_VALUE} levels"
        below: list[Any] = []
        for one in left:
            if isinstance(one, str) and len(one) > LONGEST_NAME:
                return f"holds {len(one):,} characters of text; at most {LONGEST_NAME} are taken"
            if isinstance(one, dict):
                below += [*one, *one.values()]
            elif isinstance(one, list | tuple):
                below += one
        left, level = below, level + 1
    return ""

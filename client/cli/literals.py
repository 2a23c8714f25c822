"""Values on a command line: in JSON, in Python's notation, or as text."""

from __future__ import annotations

import ast
from typing import Any

_WORDS = {"true": True, "false": False, "null": None}
"""JSON's words; Python's are constants of its grammar."""


def value_of(text: str) -> Any:
    """Parse a text: a value of JSON, or of Python if JSON has it too, else the text itself.

    Both may be mixed, as in {'a': null}. Tuples are lists; names in dicts are text.
    """
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return _plain(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return text


def parts_of(text: str) -> list[str]:
    """Split a text at the commas that are outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "[{(":
            depth += 1
        elif sign in "]})":
            depth -= 1
        if sign == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _plain(node: ast.expr) -> Any:
    """Return the value of an expression. Raises ValueError if JSON has none such."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id=word) if word in _WORDS:
            return _WORDS[word]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=value)) if (
            isinstance(value, int | float) and not isinstance(value, bool)
        ):
            return -value if isinstance(sign, ast.USub) else value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_plain(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_name_of(key): _plain(value) for key, value in zip(keys, values, strict=True)}
    raise ValueError(f"a {type(node).__name__} is no value")


def _name_of(key: ast.expr | None) -> str:
    match None if key is None else _plain(key):
        case bool(value):
            return str(value).lower()
        case int() | float() | str() as value:
            return str(value)
    raise ValueError("that is no name")

"""Rows in CSV (RFC 4180, UTF-8, with a header), as values of the types that a model wants."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping

from autolearn.artifacts.datasets.column_evidence import MISSING_IN_TEXT, MISSING_WORDS
from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import cut
from autolearn.schemas.values import JsonValue

_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def csv_rows(content: bytes, types: Mapping[str, str]) -> list[dict[str, JsonValue]]:
    """Return the rows of CSV; an empty field is a gap, None.

    `types` are by column; a field that is no value of its type is returned as text, and so are
    those of other columns.

    Raises:
        UnicodeDecodeError, csv.Error: it is no CSV.
        InputError: a row has more or fewer fields than the header, or the header a name twice.
    """
    text = content.decode("utf-8-sig")
    lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    if not lines:
        return []
    names = lines[0]
    if twice := [name for name, many in Counter(names).items() if many > 1]:
        raise InputError(f"The header has {cut(twice[0])!r} twice.")
    kinds = [types.get(name, "string") for name in names]
    for number, line in enumerate(lines[1:]):
        if len(line) != len(names):
            raise InputError(f"row {number} has {len(line)} fields, and the header {len(names)}.")
    return [dict(zip(names, map(_typed, line, kinds), strict=True)) for line in lines[1:]]


def _typed(field: str, kind: str) -> JsonValue:
    """Return a field of CSV as a value of a type; as text if it is none, which is then refused.

    The words for a gap are those with which datasets are read.
    """
    if not field or field in (MISSING_IN_TEXT if kind == "string" else MISSING_WORDS):
        return None
    if kind in ("integer", "number"):
        try:
            return field if "_" in field else float(field)  # Python would take 3_750
        except ValueError:
            return field
    if kind == "boolean":
        low = field.lower()
        return True if low in _TRUE else False if low in _FALSE else field
    return field

"""The real files, and how many of their columns a reader takes for what a person says they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from tests.artifacts.datasets.read_case import read_as_a_user_would

FOLDER = Path(__file__).parents[2] / "data" / "real"
FILES: dict[str, dict[str, str]] = json.loads((FOLDER / "columns.json").read_text())
"""What a person says of each column: number, boolean, text, timestamp, code or yes-no."""
PATHS = [FOLDER / file for file in FILES]
CODES = {
    (file, name) for file, columns in FILES.items() for name in columns if columns[name] == "code"
}
"""The columns of names that are written in digits, as numbers are."""
RIGHT = {"code": {"text", "number"}, "yes-no": {"text", "boolean"}}
KINDS = {"integer": "number", "string": "text"}
DUCKDB = {"BOOLEAN": "boolean", "VARCHAR": "text", "DATE": "timestamp", "TIMESTAMP": "timestamp"}
DUCKDB |= {"TIMESTAMP WITH TIME ZONE": "timestamp", "BIGINT": "number", "DOUBLE": "number"}


def ours(path: Path) -> dict[str, str]:
    types = read_as_a_user_would(path).types
    return {name: KINDS.get(kind, kind) for name, kind in types.items()}


def as_pandas(path: Path) -> dict[str, str]:
    """Return what `pandas.read_csv` finds out by itself, the separator too."""
    frame = pd.read_csv(path, sep=None, engine="python")
    api = pd.api.types

    def kind(values: pd.Series) -> str:
        if api.is_bool_dtype(values):
            return "boolean"
        if api.is_numeric_dtype(values):
            return "number"
        return "timestamp" if api.is_datetime64_any_dtype(values) else "text"

    return {str(name): kind(frame[name]) for name in frame}


def as_duckdb(types: Mapping[str, str]) -> dict[str, str]:
    """Return what DuckDB's types of columns are here."""
    return {name: DUCKDB.get(kind, kind) for name, kind in types.items()}


def wrong_columns(
    reader: Callable[[Path], Mapping[str, str]] = ours, *, codes_are_text: bool = False
) -> dict[tuple[str, str], str]:
    """Return the columns that a reader takes for something else, and for what."""
    accepted = RIGHT | ({"code": {"text"}} if codes_are_text else {})
    wrong = {}
    for path in PATHS:
        found = reader(path)
        wrong |= {
            (path.name, name): found.get(name, "none")
            for name, kind in FILES[path.name].items()
            if found.get(name) not in accepted.get(kind, {kind})
        }
    return wrong


def right(wrong: Mapping[tuple[str, str], str]) -> float:
    """Return the share of columns that are right."""
    return 1 - len(wrong) / sum(map(len, FILES.values()))

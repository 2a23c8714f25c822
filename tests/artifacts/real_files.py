"""The real files, and how many of their columns a reader takes for what a person says they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from tests.artifacts.reading import read_as_a_user_would

__all__ = ["FILES", "as_pandas", "right", "wrong_columns"]

FOLDER = Path(__file__).parents[1] / "data" / "real"
FILES: dict[str, dict[str, str]] = json.loads((FOLDER / "columns.json").read_text())
"""What a person says of each column: number, boolean, text or timestamp."""
KINDS = {"integer": "number", "string": "text"}


def ours(path: Path) -> dict[str, str]:
    types = read_as_a_user_would(path).types
    return {name: KINDS.get(kind, kind) for name, kind in types.items()}


def as_pandas(path: Path) -> dict[str, str]:
    """Return what `pandas.read_csv` finds out by itself."""
    frame = pd.read_csv(path)
    api = pd.api.types

    def kind(values: pd.Series) -> str:
        if api.is_bool_dtype(values):
            return "boolean"
        if api.is_numeric_dtype(values):
            return "number"
        return "timestamp" if api.is_datetime64_any_dtype(values) else "text"

    return {str(name): kind(frame[name]) for name in frame}


def wrong_columns(
    reader: Callable[[Path], Mapping[str, str]] = ours,
) -> dict[tuple[str, str], str]:
    """Return the columns that a reader takes for something else, and for what."""
    wrong = {}
    for file, columns in FILES.items():
        found = reader(FOLDER / file)
        wrong |= {
            (file, name): found.get(name, "none")
            for name, kind in columns.items()
            if found.get(name) != kind
        }
    return wrong


def right(wrong: Mapping[tuple[str, str], str]) -> float:
    """Return the share of columns that are right."""
    return 1 - len(wrong) / sum(map(len, FILES.values()))

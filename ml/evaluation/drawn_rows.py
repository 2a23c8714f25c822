"""Rows for which two ways to answer are compared: the examples of an artifact, and drawn ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from autolearn.ml.evaluation.categories import known_categories
from autolearn.ml.evaluation.stored_artifact import StoredArtifact

STRANGE = "a category that no training has"
TEXT = ("string", "boolean")
"""The types of columns whose values are texts for a pipeline."""


class _Examples(msgspec.Struct):
    """`example.json`: held-out rows as the pipeline has them."""

    columns: list[str]
    rows: list[list[float | str | None]]


class _Drawn(msgspec.Struct):
    """A feature in `profile.json`: bins between edges, or values."""

    edges: list[float] = []
    values: dict[str, int] = {}


class _Profile(msgspec.Struct):
    """`profile.json`, as far as rows are drawn from it."""

    features: dict[str, _Drawn]


def rows_to_check(stored: StoredArtifact, artifact: Path, many: int) -> pd.DataFrame:
    """Return the examples in an artifact's folder, and so many rows drawn from its profile.

    Of these one in ten has a gap in a column, and one in ten an unknown category.
    """
    profile = msgspec.json.decode((artifact / "profile.json").read_bytes(), type=_Profile)
    examples = msgspec.json.decode((artifact / "example.json").read_bytes(), type=_Examples)
    shown = pd.DataFrame(examples.rows, columns=examples.columns)
    random = np.random.RandomState(stored.training.seed)
    known = known_categories(stored.pipeline)
    rows: dict[str, Any] = {}
    for column in stored.schema.columns:
        drawn = profile.features.get(column.name, _Drawn())
        gaps = random.uniform(size=many) < 0.1
        if column.type in TEXT:
            there = [*drawn.values, *(known.get(column.name) or ()), STRANGE]
            chances = np.array([0.9 / (len(there) - 1 or 1)] * (len(there) - 1) + [0.1])
            texts = random.choice(there, many, p=chances / chances.sum()).astype(object)
            texts[gaps] = np.nan
            given = [one if isinstance(one, str) else np.nan for one in shown[column.name]]
            rows[column.name] = pd.Series([*given, *texts], dtype=object)
        else:
            edges = np.array(drawn.edges or [-1.0, 1.0])
            at = random.randint(len(edges) - 1, size=many)
            place = random.uniform(-0.1, 1.1, size=many)
            numbers = edges[at] + (edges[at + 1] - edges[at]) * place
            if column.type == "integer":
                numbers = np.round(numbers)
            numbers[gaps] = np.nan
            rows[column.name] = np.concatenate([shown[column.name].to_numpy(np.float64), numbers])
    return pd.DataFrame(rows)

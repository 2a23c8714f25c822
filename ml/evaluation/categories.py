"""Maps the values of other data to the classes and categories of an artifact.

A value that `schemas.datasets.meanings` maps to none of them is unseen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.errors import InputError
from autolearn.ml.transformers import TextVectorizer
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.datasets.meanings import meanings, number_of
from autolearn.schemas.values import KINDS

Array = np.ndarray[Any, Any]

_NUMBERS = ("integer", "number")
_MOST_SHOWN = 5
"""Values of one side that a refusal or a note shows."""
MOST_NOTES = 20
MOST_UNSEEN = 100
"""Columns for which a result counts unseen values, those with the most of them."""


class FoundValues(NamedTuple):
    """Values of a column in some rows, as text, with those that are numbers."""

    texts: dict[str, None]
    numbers: dict[str, Decimal]


@dataclass
class Categories:
    """A table's columns as the artifact needs them. The values of `secret` columns are hidden.

    `strange` marks for each column the rows with an unknown value; `taken` has the values that were
    mapped, by column; `notes` are more sentences. The table may be a part of the rows: `elsewhere`
    has values of the other rows, of the columns where they matter (`meanings`).
    """

    table: DatasetTable
    secret: Collection[str] = ()
    strange: dict[str, Array] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    taken: dict[str, dict[str, str]] = field(default_factory=dict)
    elsewhere: Mapping[str, FoundValues] = field(default_factory=dict)

    def labels(
        self,
        name: str,
        known: Collection[str],
        *,
        of: str,
        needed: bool = True,
        exact: bool = False,
    ) -> Array:
        """Map a column's values to those of `known`, None where missing; `exact` maps none.

        `of` names them in messages. Raises InputError when none is known, if one is `needed`.
        """
        codes, found = self._different(name)
        everywhere, numbers = dict.fromkeys(found), self._values(name, codes, found)
        if name in self.elsewhere:
            everywhere |= self.elsewhere[name].texts
            numbers |= self.elsewhere[name].numbers
        stand_for = {} if exact else meanings(everywhere, known, numbers)
        there = {*known, *stand_for}
        unseen = [at for at, one in enumerate(found) if one not in there]
        if needed and len(found) and len(unseen) == len(found):
            raise self._none_known(name, found, known, of)
        if unseen:
            self.strange[name] = np.isin(codes, unseen)
        if stand_for:
            self.taken.setdefault(name, {}).update(stand_for)
        return np.array([*(stand_for.get(one, one) for one in found), None], dtype=object)[codes]

    def numbers(self, name: str, kind: str, low: float | None, high: float | None) -> Array:
        """Return a column of numbers or times as float64, NaN where missing.

        `low` and `high` are the bounds of its values in the training, where known. Raises
        InputError when it is of another kind.
        """
        values, given = self.table.arrays[name], self.table.types[name]
        if given == kind or {given, kind} <= {*_NUMBERS} or values.null_count == len(values):
            return self.table.numbers(name)
        if given == "boolean" and kind in _NUMBERS and low in (0, 1) and high in (0, 1):
            self.taken[name] = {"true": "1", "false": "0"}
            return np.array([np.nan if one is None else one for one in values.to_pylist()], float)
        here, there = KINDS[given], KINDS[kind]
        quiet = f"column {name} has {here} here and had {there} in the training"
        shown = _shown_of(self.table.labels(name))
        ends = there if low is None else f"{there} from {low:g} to {high:g}"
        raise InputError(
            quiet
            if name in self.secret
            else f"column {name} has {here} here ({shown}) and had {ends} in the training",
            advice="Give it the training's kind of values: mend them, or upload the dataset with "
            f"--type {name}={'timestamp' if kind == 'timestamp' else 'number'}.",
            quiet=quiet,
        )

    def unseen(self, rows: Array) -> dict[str, int]:
        """Count the rows with an unknown value, by column."""
        return self.most_unseen(
            {name: int(which[rows].sum()) for name, which in self.strange.items()}
        )

    def most_unseen(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the columns with the most rows with an unknown value; note that there are more."""
        most = sorted((name for name in counts if counts[name]), key=lambda n: -counts[n])
        if len(most) > MOST_UNSEEN:
            self.notes.append(f"{len(most) - MOST_UNSEEN} more columns have values never seen")
        return {name: counts[name] for name in most[:MOST_UNSEEN]}

    def told(self) -> tuple[str, ...]:
        """Return the notes, only the first ones if there are many."""
        notes = [*(self._note(*one) for one in self.taken.items()), *self.notes]
        more = len(notes) - MOST_NOTES
        return (*notes[:MOST_NOTES], *([f"and {more} more"] if more > 0 else []))

    def values(self, name: str) -> FoundValues:
        """Return the different values of a column."""
        codes, found = self._different(name)
        return FoundValues(dict.fromkeys(found), self._values(name, codes, found))

    def _different(self, name: str) -> tuple[Array, list[str]]:
        """Return the different values of a column, and for each row the place of its own, or -1."""
        import pandas as pd

        values = self.table.arrays[name]
        if self.table.types[name] == "string" and isinstance(values, pa.StringArray):
            encoded = values.dictionary_encode()  # far faster than by Python's texts
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            texts: list[Any] = encoded.dictionary.to_pylist()
            return codes, texts
        codes, different = pd.factorize(self.table.labels(name))
        return codes, different.tolist()

    def _values(self, name: str, codes: Array, found: Sequence[str]) -> dict[str, Decimal]:
        """Return the values of a column as numbers, if it has any."""
        if self.table.types[name] not in _NUMBERS:
            return {one: number for one in found if (number := number_of(one)) is not None}
        places, firsts = np.unique(codes, return_index=True)
        array = self.table.arrays[name]
        return {
            found[place]: Decimal(str(array[int(first)].as_py()))
            for place, first in zip(places, firsts, strict=True)
            if place >= 0
        }

    def _none_known(
        self, name: str, found: Collection[str], known: Collection[str], of: str
    ) -> InputError:
        quiet = f"the model knows none of the {of} that {name} has here"
        here, there = _shown_of(found), _shown_of(known)
        return InputError(
            quiet if name in self.secret else f"{quiet}: {here}; it was trained on {there}",
            advice="Write them as in the training, or train on data like these.",
            quiet=quiet,
        )

    def _note(self, name: str, stand_for: Mapping[str, str]) -> str:
        pairs = [f"{cut(one, 60)} for {cut(meant, 60)}" for one, meant in stand_for.items()]
        shown = ", ".join(pairs[:_MOST_SHOWN])
        more = f" and {len(pairs) - _MOST_SHOWN} more" if len(pairs) > _MOST_SHOWN else ""
        told = "values that are written otherwise than in the training were taken for those"
        return f"{name}: {told}" if name in self.secret else f"{name}: took {shown}{more}"


def _shown_of(values: Iterable[Any]) -> str:
    return listed(
        sorted({str(one) for one in values if one is not None and one == one}), _MOST_SHOWN
    )


def known_categories(pipeline: Any) -> dict[str, list[str] | None]:
    """Return the categories of each encoded column in the training; None for text with words.

    Of a pipeline that begins with steps there are none: its raw columns are not those encoded.
    """
    found: dict[str, list[str] | None] = {}
    if "rows" in pipeline.named_steps:
        return found
    for _, part, columns in pipeline.named_steps["preprocess"].transformers_:
        if isinstance(part, TextVectorizer):
            found |= dict.fromkeys(columns)
        encoder = getattr(part, "named_steps", {}).get("encode")
        for column, categories in zip(columns, getattr(encoder, "categories_", ()), strict=False):
            found[column] = [str(one) for one in categories]
    return found

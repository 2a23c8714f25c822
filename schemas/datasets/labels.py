"""Labels of the rows of a dataset: what their target is, as a person says."""

from __future__ import annotations

from msgspec import Struct

LabelValue = str | bool | int | float
"""A class, or a number."""


class RowLabel(Struct, frozen=True, array_like=True, gc=False):
    """The label of a row, which is named by its number in the version, from 0."""

    row: int
    value: LabelValue

"""The rules for rows that a model is asked about: one document for each schema."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Soft = Literal["unseen", "outside", "gap"]
"""What a soft rule warns of: an unknown category, a value outside the range, a gap."""


class RowRule(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is wanted of the values of a column.

    A hard rule refuses a row: the column must be `present`, have values of a `type`, and numbers
    that are finite and between `minimum` and `maximum` (`number`). A soft one warns, and counts: of
    a category that is none of the training's (`known`: these are the `values`), of a value outside
    the training's `range`, and of a gap where the training had none (`filled`).
    """

    kind: Literal["present", "type", "number", "known", "range", "filled"]
    severity: Literal["hard", "soft"] = "hard"
    type: str = ""
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()


class ColumnRules(Struct, frozen=True, omit_defaults=True):
    """The rules of a column, which is a boolean, an integer, a number, a string or a timestamp.

    Those of a `sensitive` one show no values.
    """

    column: str
    type: str
    rules: tuple[RowRule, ...]
    sensitive: bool = False

    def rule(self, kind: str) -> RowRule | None:
        """Return the rule of a kind, None if there is none."""
        return next((one for one in self.rules if one.kind == kind), None)


class RowRules(Struct, frozen=True):
    """The rules of a version of a model: the columns, and the rows that it answers at once."""

    rows: int
    columns: tuple[ColumnRules, ...]

"""The one document of rules for data: for rows that a model is asked about, and for datasets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Soft = Literal["unseen", "outside", "gap"]
"""What a soft rule warns of: an unknown category, a value outside the range, a gap."""
Severity = Literal["hard", "soft"]
RuleKind = Literal[
    "present",
    "type",
    "number",
    "known",
    "range",
    "filled",
    "complete",
    "unique",
    "rows",
    "relation",
    "fresh",
]
Operator = Literal["", "<=", ">=", "==", "!=", "<", ">"]


class DataRule(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is wanted of data: a hard rule refuses them, a soft one warns, and counts.

    Of the values of a column: it must be `present`, have values of a `type`, and numbers that are
    finite and between `minimum` and `maximum` (`number`); its values are some of the `values`
    (`known`: for a model those of its training), lie in a `range`, inclusive, and none is missing
    (`filled`). Times are seconds since 1970, if the `type` of a range is timestamp.

    Of a whole dataset, and its `columns`: the share of present values is at least `minimum`
    (`complete`, 0 to 1); no row repeats the values of the columns (`unique`); it has `minimum` to
    `maximum` rows (`rows`); in each row the sum of the columns stands in a relation, the
    `operator`, to the sum of the `others`, or to the number `bound` (`relation`); the newest time
    is at most `maximum` seconds old (`fresh`).
    """

    kind: RuleKind
    severity: Severity = "hard"
    type: str = ""
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    operator: Operator = ""
    others: tuple[str, ...] = ()
    bound: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that it is about."""
        return (*self.columns, *self.others)

    @property
    def tells_values(self) -> bool:
        """Whether it, or what breaks it, says something about values of its columns."""
        return self.kind in ("known", "range", "relation", "unique", "fresh")


class ColumnRules(Struct, frozen=True, omit_defaults=True):
    """The rules of a column, which is a boolean, an integer, a number, a string or a timestamp.

    Those of a `sensitive` one show no values.
    """

    column: str
    type: str
    rules: tuple[DataRule, ...]
    sensitive: bool = False

    def rule(self, kind: str) -> DataRule | None:
        """Return the rule of a kind, None if there is none."""
        return next((one for one in self.rules if one.kind == kind), None)


class RowRules(Struct, frozen=True):
    """The rules of a version of a model: the columns, and the rows that it answers at once."""

    rows: int
    columns: tuple[ColumnRules, ...]


class Expectations(Struct, frozen=True):
    """The rules of a dataset."""

    rules: tuple[DataRule, ...] = ()

    def softened(self) -> Expectations:
        """Return this with all rules soft."""
        return Expectations((*(replace(one, severity="soft") for one in self.rules),))

    def masked(self, sensitive: Collection[str]) -> Expectations:
        """Return this without the rules that tell of values of `sensitive` columns."""
        kept = (one for one in self.rules if not (one.tells_values and {*one.names} & {*sensitive}))
        return Expectations((*kept,))


class BrokenRow(Struct, frozen=True, omit_defaults=True):
    """A row that breaks a rule, by its number from 0, and its values of the rule's columns.

    They are as text, None where missing; those of sensitive columns are not there.
    """

    row: int
    values: dict[str, str | None] = {}


class RuleOutcome(Struct, frozen=True, omit_defaults=True):
    """What came of a rule: `broken` of `of` rows break it, of which the first are the `sample`.

    `found` says so in words. A rule about the whole dataset is broken by none of its rows.
    """

    rule: str
    severity: Severity
    met: bool
    found: str
    broken: int = 0
    of: int = 0
    columns: tuple[str, ...] = ()
    sample: tuple[BrokenRow, ...] = ()

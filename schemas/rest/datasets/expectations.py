"""What is expected of a dataset, what may be, and what came of a check."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.datasets.rules import DataRule, RuleOutcome


class DatasetExpectations(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is expected of a dataset, in words: `hard` rules refuse a version, `soft` ones warn.

    `rules` are the same for programs. They are the change with that `number`, by `actor` at `time`;
    0: nothing was said yet. `hidden` counts rules that tell of values of sensitive columns: they
    are shown to those who may change the dataset.
    """

    dataset: str
    number: int = 0
    hard: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()
    rules: tuple[DataRule, ...] = ()
    time: str = ""
    actor: str = ""
    hidden: int = 0


class ProposedExpectations(Struct, frozen=True, kw_only=True):
    """What may be expected of a dataset, by a version that meets it; the guesses are soft."""

    dataset: str
    version: str
    hard: tuple[str, ...]
    soft: tuple[str, ...]


class ExpectationCheck(Struct, frozen=True, kw_only=True):
    """What came of a check of a version: `failed` hard and `warned` soft rules are not met.

    Rules that are `hidden`, as in DatasetExpectations, are not checked.
    """

    dataset: str
    version: str
    rows: int
    failed: int
    warned: int
    outcomes: tuple[RuleOutcome, ...]
    hidden: int = 0

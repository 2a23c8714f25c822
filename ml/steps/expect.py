"""The step `expect`: checks a table by rules, as an upload of a dataset is checked."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from autolearn.artifacts.datasets.checks.rule_checks import TableChecker, kinds_of
from autolearn.ml.errors import InputError
from autolearn.ml.steps.context import context
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.datasets.rule_fit import rules_in
from autolearn.schemas.datasets.rules import Expectations, RuleOutcome
from autolearn.schemas.pipelines.results import MOST_SAMPLES, StepChange

_MEMBERS = ("hard", "soft", "at")
_NAMED = 5
"""Rules that an error names."""
_BATCH = 1 << 16
_ADVICE = "Mend the data in a step before it, or change the rules (dataset expect)."


def expect(table: pa.Table, *, rules: dict[str, Any] | None = None) -> pa.Table:
    """Return the table, if it meets all hard rules.

    `rules` has lists `hard` and `soft` of rules in words, such as "age between 0 and 120", and the
    time `at` which ages count (RFC 3339; by default now).

    Raises:
        InputError: words are no rule, or rows break a hard one.
    """
    now = context()
    broken = broken_rules(table, rules, sensitive=now.sensitive)
    now.changes += changes_of(table, broken, sensitive=now.sensitive)
    _require_met(broken)
    return table


def broken_rules(
    table: pa.Table, rules: dict[str, Any] | None, *, sensitive: Collection[str] = ()
) -> tuple[RuleOutcome, ...]:
    """Return the outcomes of the rules that a table breaks; `sensitive` columns show no values.

    Raises:
        InputError: words are no rule.
    """
    expectations, now = _read(rules)
    checker = TableChecker(expectations.rules, kinds_of(table.schema), now=now, hidden=sensitive)
    chosen = table.select([name for name in checker.columns() if name in table.column_names])
    if chosen.num_columns:
        for batch in chosen.to_batches(max_chunksize=_BATCH):
            checker.add(dict(zip(chosen.column_names, batch.columns, strict=True)), batch.num_rows)
    else:
        checker.add({}, table.num_rows)
    return (*(one for one in checker.outcomes() if not one.met),)


def changes_of(
    table: pa.Table, broken: Sequence[RuleOutcome], *, sensitive: Collection[str] = ()
) -> tuple[StepChange, ...]:
    """Return the account of broken rules for the report of a step, with the first rows of each."""
    names = [name for name in table.column_names if name not in sensitive]
    return (
        *(
            StepChange(
                "failed" if one.severity == "hard" else "warned",
                _words(one),
                one.broken,
                one.columns[0] if len(one.columns) == 1 else "",
                (*map(_shown, _rows_of(table, one).select(names).to_pylist()),),
            )
            for one in broken
        ),
    )


def _rows_of(table: pa.Table, outcome: RuleOutcome) -> pa.Table:
    """Return the first rows that break a rule."""
    return table.take([one.row for one in outcome.sample[:MOST_SAMPLES]])


def _require_met(broken: Sequence[RuleOutcome]) -> None:
    """Raise an InputError if a hard rule is among the broken ones."""
    hard = [one for one in broken if one.severity == "hard"]
    if hard:
        many = f"{len(hard)} hard rules are" if len(hard) > 1 else "a hard rule is"
        words = "; ".join(_words(one) for one in hard[:_NAMED])
        more = f"; and {len(hard) - _NAMED} more" if len(hard) > _NAMED else ""
        quiet = f"{many} not met: {listed([one.rule for one in hard], _NAMED)}"
        raise InputError(f"{many} not met: {words}{more}", advice=_ADVICE, quiet=quiet)


def _words(outcome: RuleOutcome) -> str:
    return f"{outcome.rule}, but {outcome.found}"


def _read(rules: dict[str, Any] | None) -> tuple[Expectations, float]:
    given = rules or {}
    if unknown := [name for name in given if name not in _MEMBERS]:
        raise InputError(
            f"the rules have {cut(str(unknown[0]))!r}, and their members are {', '.join(_MEMBERS)}"
        )
    hard, soft = (given.get(name) or [] for name in ("hard", "soft"))
    for name, some in (("hard", hard), ("soft", soft)):
        if not isinstance(some, list | tuple) or not all(isinstance(one, str) for one in some):
            raise InputError(f"`{name}` is a list of rules in words")
    if not (hard or soft):
        raise InputError(
            "there are no rules", advice="Give some, or say what is expected: dataset expect."
        )
    expectations, faults = rules_in(hard, soft)
    if faults:
        raise InputError("; ".join([*faults.values()][:_NAMED]))
    return expectations, _time(given.get("at"))


def _time(at: Any) -> float:
    if at is None:
        return time.time()
    try:
        then = datetime.fromisoformat(at)
    except (TypeError, ValueError):
        raise InputError(f"`at` is a time as in RFC 3339; got {cut(str(at))!r}") from None
    return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row for JSON."""
    return {
        name: value if value is None or isinstance(value, bool | int | float) else cut(str(value))
        for name, value in row.items()
    }

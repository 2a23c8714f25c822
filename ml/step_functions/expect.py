"""Expect: a table must meet rules, as a new version of a dataset must."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from autolearn.artifacts.datasets.checks.rule_checks import TableChecker, kinds_of
from autolearn.ml.errors import InputError
from autolearn.ml.steps.context import context, report
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.datasets.rule_fit import rules_in
from autolearn.schemas.datasets.rules import Expectations, RuleOutcome

_MEMBERS = ("hard", "soft", "at")
_NAMED = 5
"""Rules that an error names."""
_BATCH = 1 << 16
_ADVICE = "Mend the data in a step before it, or change the rules (dataset expect)."


def expect(
    table: pa.Table, *, dataset: str | None = None, rules: dict[str, Any] | None = None
) -> pa.Table:
    """Stop where rows break a hard rule, and warn where they break a soft one.

    Args:
        table: the table
        dataset: the dataset whose expectations are the rules; by default the one at the source
        rules: the rules in place of those, such as "age between 0 and 120", in the lists hard and
            soft; ages of times count at the time at, by default now
    """
    if rules is None:
        raise InputError(f"the rules{f' of {dataset}' if dataset else ''} are not put in")
    broken = [one for one in _outcomes(table, rules, context().sensitive) if not one.met]
    _require_met(broken)
    for one in broken:
        column = one.columns[0] if len(one.columns) == 1 else ""
        sample = table.take([row.row for row in one.sample]) if one.sample else None
        report.warned(_words(one), one.broken, sample=sample, column=column)
    return table


def _outcomes(
    table: pa.Table, rules: dict[str, Any], sensitive: Collection[str]
) -> tuple[RuleOutcome, ...]:
    expectations, now = _read(rules)
    checker = TableChecker(expectations.rules, kinds_of(table.schema), now=now, hidden=sensitive)
    chosen = table.select([name for name in checker.columns() if name in table.column_names])
    if chosen.num_columns:
        for batch in chosen.to_batches(max_chunksize=_BATCH):
            checker.add(dict(zip(chosen.column_names, batch.columns, strict=True)), batch.num_rows)
    else:
        checker.add({}, table.num_rows)
    return checker.outcomes()


def _require_met(broken: Collection[RuleOutcome]) -> None:
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


def _read(rules: dict[str, Any]) -> tuple[Expectations, float]:
    if unknown := [name for name in rules if name not in _MEMBERS]:
        raise InputError(
            f"the rules have {cut(unknown[0])!r}, and their members are {', '.join(_MEMBERS)}"
        )
    hard, soft = (rules.get(name) or [] for name in ("hard", "soft"))
    for name, some in (("hard", hard), ("soft", soft)):
        if not isinstance(some, list) or not all(isinstance(one, str) for one in some):
            raise InputError(f"{name} is a list of rules in words")
    if not (hard or soft):
        raise InputError(
            "there are no rules", advice="Give some, or say what is expected: dataset expect."
        )
    expectations, faults = rules_in(hard, soft)
    if faults:
        raise InputError("; ".join([*faults.values()][:_NAMED]))
    return expectations, _time(rules.get("at"))


def _time(at: Any) -> float:
    if at is None:
        return time.time()
    try:
        then = datetime.fromisoformat(at)
    except (TypeError, ValueError):
        raise InputError(f"at is a time as in RFC 3339; got {cut(str(at))!r}") from None
    return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()

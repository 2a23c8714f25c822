"""Reads rules in words, and finds those that the columns of a dataset cannot be checked by."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import cast

from msgspec.structs import replace

from autolearn.schemas.bounds import DATASET_RULES, cut
from autolearn.schemas.datasets.rule_words import TYPES, RuleFault, is_number, read_rule, say_rule
from autolearn.schemas.datasets.rules import DataRule, Expectations, Severity

NUMBERS = ("integer", "number")
_WORDS = {kind: word for word, kind in TYPES.items()}


def rules_in(
    hard: Sequence[str], soft: Sequence[str], types: Mapping[str, str] | None = None
) -> tuple[Expectations, dict[str, str]]:
    """Return the rules that words say, and the faults of others by their pointer (#/hard/0).

    The same rule twice counts once, the hard one before the soft one. With the `types` of columns
    a rule that cannot be checked with them is a fault, too.
    """
    found, faults = dict[DataRule, DataRule](), dict[str, str]()
    if (many := len(hard) + len(soft)) > DATASET_RULES:
        much = f"there are {many:,} rules, and at most {DATASET_RULES:,} are taken"
        return Expectations(), {"#/hard": much}
    for severity, given in (("hard", hard), ("soft", soft)):
        for number, words in enumerate(given):
            try:
                rule = read_rule(words, cast("Severity", severity))
            except RuleFault as fault:
                faults[f"#/{severity}/{number}"] = str(fault)
                continue
            found.setdefault(replace(rule, severity="hard"), rule)
            if types is not None and (why := unfit(rule, types)):
                faults[f"#/{severity}/{number}"] = f"{say_rule(rule)}: {why}"
    return Expectations((*found.values(),)), faults


def unfit_type(rule: DataRule, types: Mapping[str, str]) -> str:
    """Return why a column is not of the type that a rule wants, "" if it is."""
    kind = types[rule.columns[0]]
    fits = kind == rule.type or (kind, rule.type) == ("integer", "number")
    return "" if fits else f"it is {_WORDS.get(kind, kind)}"


def unfit(rule: DataRule, types: Mapping[str, str]) -> str:
    """Return why a rule cannot be checked with columns of some types, "" if it can."""
    for name in rule.names:
        if name not in types:
            near = difflib.get_close_matches(name, types, 1)
            hint = f" (did you mean {cut(near[0])}?)" if near else ""
            return f"there is no column {cut(name)}{hint}"
    kinds = [types[name] for name in rule.names]
    if rule.kind == "relation":
        return _unfit_relation(rule, kinds)
    if rule.kind == "fresh" or (rule.kind == "range" and rule.type == "timestamp"):
        return "" if kinds[0] == "timestamp" else _other(rule, kinds[0], "timestamp")
    if rule.kind == "known" and kinds[0] == "timestamp":
        return f"{cut(rule.columns[0])} has times: give a range of them"
    if rule.kind == "known" and kinds[0] in NUMBERS:
        words = next((one for one in rule.values if not is_number(one)), "")
        return f"{cut(rule.columns[0])} is {kinds[0]}, and {cut(words)!r} is none" if words else ""
    if rule.kind == "range" and kinds[0] not in NUMBERS:
        return _other(rule, kinds[0], "number")
    return ""


def _other(rule: DataRule, kind: str, wanted: str) -> str:
    return f"{cut(rule.columns[0])} is {_WORDS.get(kind, kind)}, and no {wanted}"


def _unfit_relation(rule: DataRule, kinds: Sequence[str]) -> str:
    groups = {"number" if kind in NUMBERS else kind for kind in kinds}
    if rule.bound is not None:
        groups.add("number")
    if len(groups) > 1:
        return f"{' and '.join(sorted(_WORDS.get(one, one) for one in groups))} are not compared"
    group = groups.pop()
    if group == "number" or (group == "timestamp" and len(rule.names) == 2):
        return ""
    if len(rule.names) == 2 and rule.operator in ("==", "!="):
        return ""
    return f"{_WORDS.get(group, group)} is compared by == and != alone"

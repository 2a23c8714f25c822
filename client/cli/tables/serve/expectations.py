"""What is expected of a dataset, and what came of a check."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from rich.console import Group, RenderableType

from autolearn.client.cli.output import count, rows, sentence, when
from autolearn.schemas.rest.datasets.expectations import (
    DatasetExpectations,
    ExpectationCheck,
    ProposedExpectations,
)

_PLAIN = re.compile(r"[A-Za-z_][\w .,+()%<>=/!-]*")
"""Sentences that YAML reads as they are."""


def expectations(found: DatasetExpectations) -> RenderableType:
    """Return a table of the expectations of a dataset."""
    hidden = _hidden(found.hidden)
    if not (found.hard or found.soft):
        return sentence(
            f"Nothing is expected of {found.dataset}.{hidden} --propose proposes rules, --add and "
            "--file say them."
        )
    lines = [(rule, "refuses") for rule in found.hard]
    lines += [(rule, "warns") for rule in found.soft]
    by = f" by {found.actor}" if found.actor else ""
    said = f"Of {found.dataset}, change {found.number}{by} at {when(found.time)}.{hidden}"
    return Group(rows(("expected", "otherwise"), lines), sentence(said))


def check(found: ExpectationCheck) -> RenderableType:
    """Return a table of the outcomes of a check: the rules that are not met come first."""
    order = {"failed": 0, "warned": 1, "met": 2}
    lines = [
        (
            "met" if one.met else "failed" if one.severity == "hard" else "warned",
            one.rule,
            one.found,
        )
        for one in found.outcomes
    ]
    lines.sort(key=lambda line: order[line[0]])
    said = (
        f"{found.dataset}@{found.version[:8]}, {count(found.rows, 'row')}: "
        f"{found.failed} failed, {found.warned} warned, {len(lines)} checked."
        f"{_hidden(found.hidden)}"
    )
    return Group(rows(("", "expected", "found"), lines), sentence(said))


def _hidden(many: int) -> str:
    return f" {count(many, 'rule')} about sensitive columns not shown." if many else ""


def rules_file(found: ProposedExpectations) -> str:
    """Return proposed rules as a file of YAML."""
    return "".join(_lines(found))


def _lines(found: ProposedExpectations) -> Iterator[str]:
    yield f"# What may be expected of {found.dataset}, by version {found.version[:8]}\n"
    for severity, rules in (("hard", found.hard), ("soft", found.soft)):
        if rules:
            yield f"{severity}:\n"
        for one in rules:
            plain = _PLAIN.fullmatch(one) and one == one.strip()
            yield f"  - {one if plain else msgspec.json.encode(one).decode()}\n"

"""Tables of the named cases of a model, and of how versions answer them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType

from autolearn.client.cli.output import number, rows, sentence, when
from autolearn.schemas.models.cases import Answer, CaseComparison
from autolearn.schemas.rest.serving.cases import CaseRun, ModelCase

_COLUMNS = 4
"""Columns of a row that a list shows."""


def cases(found: Iterable[ModelCase]) -> RenderableType:
    """Return cases, each with the first values of its row."""
    lines = [
        (one.number, one.name, _row(one), _said(one.expect), one.actor, when(one.added))
        for one in found
    ]
    if not lines:
        return "There is no case: autolearn model case add NAME --row '{…}'"
    heads = ("case", "name", "row", "expected", "by", "added")
    return rows(heads, lines, leave=("by", "added"), wraps=("row",))


def answers(found: CaseRun) -> RenderableType:
    """Return how a version answers the cases."""
    lines = [
        (
            one.number,
            one.name,
            f"failed: {one.failed}" if one.failed else _said(one.answer),
            None if one.probability is None else f"{one.probability:.3f}",
            _said(one.expect),
            {None: "", True: "✓", False: "✗"}[one.as_expected],
        )
        for one in found.answers
    ]
    if not lines:
        return f"{found.model} has no cases: autolearn model case add {found.model} --row '{{…}}'"
    heads = ("case", "name", f"{found.model}@{found.version}", "probability", "expected", "")
    return rows(heads, lines, leave=("probability",), wraps=(heads[2],))


def changes(found: CaseComparison) -> RenderableType:
    """Return which cases two versions answer otherwise."""
    notable = found.notable
    said = sentence(f"{str(found)[:1].upper()}{str(found)[1:]}{':' if notable else ''}")
    if not notable:
        return said
    lines = [
        (
            one.name,
            _answer(one.before, one.failed_before),
            _answer(one.after, one.failed),
            _said(one.expect),
        )
        for one in notable
    ]
    before = f"version {found.before}" if found.before else "before"
    heads = ("case", before, f"version {found.version}", "expected")
    return Group(said, rows(heads, lines, wraps=heads[1:3]))


def _answer(answer: Answer | None, failed: str) -> object:
    return f"failed: {failed}" if failed else _said(answer)


def _said(answer: Answer | None) -> str:
    if answer is None:
        return ""
    return number(answer) if isinstance(answer, float) else answer


def _row(one: ModelCase) -> str:
    if one.row is None:
        return "it cannot be read"
    words = [f"{name} {value}" for name, value in [*one.row.items()][:_COLUMNS]]
    return ", ".join([*words, *(["…"] if len(one.row) > _COLUMNS else [])])

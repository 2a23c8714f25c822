"""Tables of truths: answers beside what they should have been."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from autolearn.client.cli.output import count, number, pairs, rows, sentence, when
from autolearn.schemas.bounds import listed
from autolearn.schemas.rest.labels import AddedLabels
from autolearn.schemas.rest.truths import AddedTruths, ModelTruths, Unlabelled, UnlabelledRow


def truths(found: ModelTruths) -> RenderableType:
    """Return how right the versions were, and the newest answers with a truth."""
    names = list(dict.fromkeys(name for one in found.versions for name in one.metrics))
    lines = [
        (
            f"{found.model}@{one.version}",
            one.rows,
            one.truths,
            *(number(one.metrics[name]) if name in one.metrics else "-" for name in names),
        )
        for one in found.versions
    ]
    parts: list[RenderableType] = [rows(("version", "rows", "with truth", *names), lines)]
    if not found.whole:
        parts.append(_later(found.since))
    if found.items:
        heads = ("predicted", "truth", "version", "by", "when", "row", "request")
        answers = [
            (
                _value(one.predicted),
                _value(one.truth),
                one.version,
                one.actor,
                when(one.time),
                one.row,
                one.request,
            )
            for one in found.items
        ]
        parts += ["", rows(heads, answers, leave=("when", "by", "version"))]
    return Group(*parts)


def unlabelled(found: Unlabelled) -> RenderableType:
    """Return rows that have no truth yet."""
    lines = [
        (
            _value(one.predicted),
            "-" if one.certainty is None else number(one.certainty),
            one.version,
            when(one.time),
            one.row,
            one.request,
        )
        for one in found.items
    ]
    heads = ("predicted", "certainty", "version", "time", "row", "request")
    table = rows(heads, lines, leave=("time", "version"))
    many = sentence(f"{count(found.rows, 'row')} without a truth.")
    return Group(table, many) if found.whole else Group(table, many, _later(found.since))


def question(
    one: UnlabelledRow, at: int, shown: int, rows_left: int, labels: Sequence[str]
) -> RenderableType:
    """Return a row about which a person is asked."""
    said = _value(one.predicted)
    if one.certainty is not None:
        said = f"{said} ({number(one.certainty)})"
    about = pairs(
        {
            **{name: "-" if value is None else value for name, value in one.inputs.items()},
            "predicted": said,
            "labels": listed(labels),
        }
    )
    head = f"{at} of {shown} ({rows_left:,} without a truth): row {one.row} of {one.request}"
    return Group("", sentence(head), about)


def _later(since: str) -> RenderableType:
    return sentence(f"More was asked than is looked at: these are the rows since {when(since)}.")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else number(float(value))


def recorded(said: AddedTruths | AddedLabels, what: str) -> str:
    """Return in words how many truths or labels were recorded; `what` is one of them."""
    parts = [f"{count(said.added, what)} recorded"]
    if said.replaced:
        parts.append(f"{said.replaced:,} in place of another")
    if said.same:
        parts.append(f"{said.same:,} known already")
    return f"{', '.join(parts)}."

"""Tables of rows of a dataset that have no label."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from autolearn.client.cli.output import count, number, pairs, rows, sentence
from autolearn.schemas.bounds import listed
from autolearn.schemas.rest.labels import UnlabelledDatasetRow, UnlabelledRows


def unlabelled(found: UnlabelledRows) -> RenderableType:
    """Return rows without a label."""
    columns = [*found.items[0].values]
    by = ("predicted", "certainty") if found.model else ()
    lines = [
        (
            one.row,
            *((_shown(one.predicted), _certain(one)) if by else ()),
            *(_shown(one.values[name]) for name in columns),
        )
        for one in found.items
    ]
    words = [f"{count(found.rows, 'row')} without a label, {found.labelled:,} labelled."]
    if found.model:
        words.append(f"The least certain of the first {found.looked:,} come first.")
    return Group(
        rows(("row", *by, *columns), lines, leave=columns[::-1]), sentence(" ".join(words))
    )


def question(
    one: UnlabelledDatasetRow, at: int, found: UnlabelledRows, labels: Sequence[str]
) -> RenderableType:
    """Return a row about which a person is asked."""
    about = {
        name: "hidden" if name in found.hidden else _shown(value)
        for name, value in one.values.items()
    }
    if one.predicted is not None:
        share = "" if one.certainty is None else f" ({_certain(one)})"
        about["predicted"] = f"{_shown(one.predicted)}{share}"
    if labels:
        about["labels"] = listed(labels)
    head = f"{at} of {len(found.items)} ({found.rows:,} without a label): row {one.row}"
    target = f"{found.target}, a new column" if found.new else found.target
    return Group("", sentence(f"{head}. What is its {target}?"), pairs(about))


def _certain(one: UnlabelledDatasetRow) -> str:
    return "-" if one.certainty is None else number(one.certainty)


def _shown(value: object) -> str:
    return "-" if value is None else str(value)

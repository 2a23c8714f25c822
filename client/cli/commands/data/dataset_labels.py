"""`autolearn label DATASET`: what the rows of a dataset are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from autolearn.client.cli.output import Output, count

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection
    from autolearn.client.sdk.handles.datasets import DatasetHandle
    from autolearn.schemas.rest.labels import UnlabelledRows

_RIGHT = "right"


def label_rows(
    to: Connection,
    name: str,
    row: str,
    value: str,
    *,
    target: str,
    classes: Sequence[str],
    by: str,
    limit: int,
    only_list: bool,
    replace: bool,
    output: Output,
) -> None:
    """Label one row of a dataset (NAME or NAME@VERSION), or ask a person about rows."""
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.serve import dataset_labels as views
    from autolearn.client.cli.tables.serve.truths import recorded

    name, _, version = name.partition("@")
    dataset = to.client.dataset(name, version=version or None)
    if row:
        if not row.isdecimal():
            raise typer.BadParameter(
                f"a row of a dataset is named by its number, from 0; got {row!r}",
                param_hint="'ROW'",
            )
        new = not classes and dataset.unlabelled(target, limit=1).new
        given = {int(row): _value(value, new=new)}
        added = dataset.add_labels(given, target=target, classes=classes, replace=replace)
        if output == Output.json:
            print_json(to.said)
        else:
            print(recorded(added, "label"))
        return
    found = dataset.unlabelled(target, by=by, limit=limit)
    if output == Output.json:
        print_json(to.said)
    elif not found.items:
        print(f"Every row of {name} has a value of {found.target}, or a label.")
    elif only_list:
        console().print(views.unlabelled(found))
    else:
        _ask(dataset, found, classes)


def _ask(dataset: DatasetHandle, found: UnlabelledRows, classes: Sequence[str]) -> None:
    """Ask a person about each row; without a terminal the answers are the lines of a pipe."""
    from autolearn.client.cli.output import console, messages, sentence
    from autolearn.client.cli.tables.serve import dataset_labels as views
    from autolearn.client.sdk.errors import Problem

    classes = classes or found.classes
    many, what = 0, "right, or what it is" if found.model else "What is it"
    for number, one in enumerate(found.items, 1):
        console().print(views.question(one, number, found, classes))
        while True:
            print(f"{what} (Enter: next, q: end)? ", end="", file=sys.stderr)
            sys.stderr.flush()
            line = sys.stdin.readline()
            answer = line.strip()
            if not line or answer == "q":
                _end(dataset, found, many)
                return
            if not answer:
                break
            value: object = _value(answer, new=found.new and not classes)
            if answer == _RIGHT and one.predicted is not None:
                value = one.predicted
            try:
                dataset.add_labels({one.row: value}, target=found.target, classes=classes)
            except Problem as problem:
                if problem.status not in (409, 422):
                    raise
                messages().print(sentence(problem.detail))
            else:
                many += 1
                break
    _end(dataset, found, many)


def _end(dataset: DatasetHandle, found: UnlabelledRows, many: int) -> None:
    """Say what was recorded, and how labels become data."""
    target = "" if found.target == dataset.data.target else f" --target {found.target}"
    source = f"{dataset.name}@{found.version[:8]}"
    print(f"{count(many, 'label')} recorded, {count(found.rows - many, 'row')} without one.")
    if many or found.labelled:
        print(
            f"The next version: autolearn dataset add {dataset.name} --from-labels {source}{target}"
        )


def _value(answer: str, *, new: bool) -> str | float:
    """Return a label as it is sent: the numbers of a new column are numbers."""
    if new:
        with suppress(ValueError):
            return int(answer)
        with suppress(ValueError):
            return float(answer)
    return answer

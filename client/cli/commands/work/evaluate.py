"""`autolearn evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.options import (
    LabelOption,
    MemoryLimit,
    Metrics,
    Positive,
    SessionOption,
    TimeLimit,
    Url,
    Wait,
    labels_of,
    metric_names,
    words,
)
from autolearn.client.cli.output import As, Output


def evaluate(
    training: Annotated[
        str,
        typer.Argument(
            metavar="TRAINING|EXPERIMENT|MODEL@VERSION",
            help="The start of its id is enough, or the title of an experiment.",
        ),
    ],
    metrics: Metrics = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="NAME or NAME@VERSION. [default: the held-out rows of the training]"),
    ] = None,
    plots: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="roc, importance and so on, or all: docs/plots.md."),
    ] = None,
    positive: Positive = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    label: LabelOption = None,
    wait: Wait = True,
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Measure an artifact: with these metrics, or with all that fit its task.

    Also of an experiment, on new data: what it keeps does not change.
    Metrics that cannot be computed are left out with the reason; a named one is refused, or fails
    the evaluation. Ctrl-C while waiting leaves the evaluation running. Exit code 1: it did not
    complete.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import runs as views
    from autolearn.client.cli.training_owner import owner_of
    from autolearn.client.cli.wait import follow, require_completed

    with connect(url, session) as to:
        found = owner_of(to, training)
        found.say()
        run = found.owner.evaluate(
            found.training,
            metric_names(metrics),
            dataset=dataset,
            plots=words(plots),
            positive=positive,
            time_limit=time_limit,
            memory_limit=memory_limit,
            labels=labels_of(label),
            wait=False,
        )
        evaluation = follow(run).data if wait else run.data
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.evaluation(evaluation))
    if wait:
        require_completed(evaluation)

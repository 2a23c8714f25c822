"""`autolearn compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.options import SessionOption, Url, metric_names
from autolearn.client.cli.output import AsRows, Format
from autolearn.client.cli.time_points import AsOf, point


def compare(
    of: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SESSION|EXPERIMENT|TRAINING",
            help="By id or title; of a training the id. The start is enough. [default: the "
            "current session]",
            show_default=False,
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="The best by it come first. [default: by request]"),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET",
            help="NAME or NAME@VERSION. [default: the held-out rows of each training]",
        ),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="NAME,…", help="Show these only. [default: all that fit]")
    ] = None,
    session: SessionOption = None,
    output: AsRows = Format.table,
    url: Url = None,
    as_of: AsOf = None,
) -> None:
    """Compare trainings: a line each, with the settings that differ, and a column a metric.

    A score is that of the newest evaluation. The best ones are bold.
    """
    import sys

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import comparison as views

    then, chosen = as_of and point(as_of), metric_names(metrics)
    with connect(url, session) as to:
        if of:
            ids = [to.find(one) for one in of]
        else:
            ids = [to.session_id(None, "session", "experiment") if then else to.session().id]
        found = to.client.compare(ids, sort=sort, on=on, as_of=then).data
        match output:
            case Format.json:
                print_json(to.said)
            case Format.csv:
                views.write_csv(found, chosen, sys.stdout)
            case Format.table:
                console().print(views.comparison(found, chosen, console().width))
        to.say_position()

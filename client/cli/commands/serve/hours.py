"""`autolearn model hours`: how a model was asked, hour by hour."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import point


def hours(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")],
    since: Annotated[
        str,
        typer.Option(metavar="TIME", help="From when on: 12h, 7d, or a time such as 2026-01-31."),
    ] = "1d",
    version: Annotated[int, typer.Option(min=0, help="Only this version; 0: all.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show how a model was asked, hour by hour, newest first: counts, labels, latencies.

    The times of latencies are those within which 50 and 99 of 100 requests were answered. -o json
    has the histograms of scores and columns too. Hours are in UTC.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views

    with connect(url) as to:
        begin = point(since, "--since")
        found = to.client.model(name).hours(since=begin, version=version, limit=limit)
        items = [*found]
        if output == Output.json:
            print_json({"items": items, "next": None})
        elif items:
            console().print(views.hours(items))
        else:
            print(f"{name} was not asked since {since}.")

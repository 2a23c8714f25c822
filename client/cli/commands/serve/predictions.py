"""`autolearn predictions`: what was asked of a model, and what it answered."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import point

_Since = Annotated[
    str, typer.Option(metavar="TIME", help="From when on: 1h, 2d, or a time such as 2026-01-31.")
]


def predictions(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")],
    since: _Since = "1h",
    request: Annotated[
        str, typer.Option(metavar="ID", help="Only this request, with its rows and answers.")
    ] = "",
    version: Annotated[int, typer.Option(min=0, help="Only this version; 0: all.")] = 0,
    purpose: Annotated[
        Literal["production", "showroom", "explain"] | None,
        typer.Option(help="Only what was asked for this. [default: all but explain]"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """List what was asked of a model and answered, newest first.

    Those who may promote see all of it, others what they asked themselves.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views

    with connect(url) as to:
        found = to.client.model(name).predictions(
            since="" if request else point(since, "--since"),
            request=request,
            version=version,
            purpose=purpose,
            limit=1 if request else limit,
        )
        items = [*found]
        if output == Output.json:
            print_json({"items": items, "next": None})
        elif request and items:
            console().print(views.prediction(items[0]))
        elif items:
            console().print(views.predictions(items))
        else:
            for_what = "" if purpose is None else f" for {purpose}"
            print(f"Nothing was asked of {name}{for_what}{'' if request else f' since {since}'}.")

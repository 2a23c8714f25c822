"""Commands of `autolearn model` that replay what a model was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import point

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]
_Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="The number of a version, or an alias.")
]


def backtest(
    name: Name,
    version: _Version,
    since: Annotated[
        str,
        typer.Option(metavar="TIME", help="From when on: 12h, 7d, or a time such as 2026-01-31."),
    ] = "7d",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Only what this version answered. [default: any version]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all rows with both answers into a CSV file."),
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Replay what was asked of a model through a version, and compare the answers.

    It is for those who may promote. Exit code 1: it did not complete.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views
    from autolearn.client.cli.wait import follow, require_completed
    from autolearn.client.sdk.handles.predictions import PredictionHandle

    with connect(url) as to:
        run = to.client.model(name).backtest(
            _given(version),
            since=point(since, "--since"),
            against=None if against is None else _given(against),
            wait=False,
        )
        assert isinstance(run, PredictionHandle), "it is not waited for"
        done = follow(run).data
        require_completed(done)
        said = to.said
        if out is not None:
            run.download(out, "csv")
        if output == Output.json:
            print_json(said)
        else:
            console().print(views.backtest(done))


def backtests(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """List the backtests of a model, the newest version first."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import models as views

    with connect(url) as to:
        items = [one.data for one in to.client.model(name).backtests(limit=limit)]
        if output == Output.json:
            print_json({"items": items, "next": None})
        elif items:
            console().print(views.backtests(items))
        else:
            print(f"{name} has no backtests: autolearn model backtest {name} VERSION makes one.")


def _given(version: str) -> int | str:
    return int(version) if version.isdecimal() else version

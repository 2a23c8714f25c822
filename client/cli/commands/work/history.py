"""`autolearn history`: the events of one stream."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output

PAGE = 1000


def history(
    stream: Annotated[
        str,
        typer.Argument(
            metavar="STREAM",
            help="A stream: session/ID, dataset/iris or estimator/svm; or the id or title of a "
            "session or experiment, of which the start is enough.",
        ),
    ],
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Print a stream's events: time, actor, content, and the answer to the command."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.history import history as table

    with connect(url) as to:
        name = to.stream_id(stream)
        items: list[dict[str, Any]] = []
        at, more = "", True
        while more:
            page = to.client.events(stream=name, after=at, limit=PAGE)
            items += page.items
            at, more = page.next, page.more
    if output == Output.json:
        print_json({"stream": items[0]["subject"] if items else name, "items": items})
    else:
        console().print(table(items))

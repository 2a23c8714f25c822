"""`autolearn diff`: the changes between two points."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output


def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="The earlier point: a position, a time, or 2h.")
    ],
    after: Annotated[
        str, typer.Argument(metavar="B", help="The later point.", show_default="now")
    ] = "",
    stream: Annotated[
        str, typer.Option(metavar="STREAM", help="Only this stream, such as dataset/iris.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many streams.")] = 100,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show the changes between two points: added, removed, and changed from what to what.

    With --stream only that stream's events are read; without it, the log between the points.
    """
    import msgspec
    from msgspec.structs import replace

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.changes import changes
    from autolearn.client.cli.time_points import point

    points = point(before, "A"), point(after, "B") or None
    with connect(url) as to:
        stream = to.stream_id(stream) if stream else ""
        found = to.client.diff(*points, stream=stream or None, limit=limit)
        items = list(found.items)
        while found.next:
            shown, points = {one.stream for one in items}, (found.before, found.after)
            left = limit - len(shown)
            page = to.client.diff(
                *points, stream=stream or None, limit=max(1, left), page=found.next
            )
            if left == 0 and not (page.items and page.items[0].stream in shown):
                break  # it is not the rest of a stream that was cut by the page size
            found = page
            items += page.items
        if output == Output.json:
            print_json(msgspec.json.encode(replace(found, items=items)))
            return
        console().print(changes(items) if items else "Nothing changed.")
        if found.next:
            print(
                f"More streams than these {limit} have changed: give a larger --limit, one "
                "--stream, or nearer points.",
                file=sys.stderr,
            )

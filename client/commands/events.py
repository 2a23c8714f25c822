"""`autolearn events`: the log itself."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from autolearn.client.cli_options import Url
from autolearn.client.output import As, Output, short, shortened, when

__all__ = ["events"]

PAGE = 1000
PATIENCE = 20.0
"""Seconds that one request waits for the next event."""


def events(
    after: Annotated[
        str,
        typer.Option(
            metavar="POSITION",
            help="Where to go on: a position, or `now`. [default: before the first event]",
        ),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="The most events to print.")] = 100,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print all, and go on until Ctrl-C.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Print what happened, as it lies on the log: CloudEvents, in the order of each stream.

    With --follow, -o json prints one event a line.
    """
    import msgspec

    from autolearn.client.cli_connection import connect
    from autolearn.client.output import print_json

    with connect(url) as to:
        at = to.client.position().token if after == "now" else after
        items: list[dict[str, Any]] = []
        while True:
            size = PAGE if follow else min(PAGE, limit - len(items))
            page = to.client.events(after=at, limit=size, wait=PATIENCE if follow else None)
            at = page.next
            if follow:
                for event in page.items:
                    is_json = output == Output.json
                    print(msgspec.json.encode(event).decode() if is_json else line(event))
                sys.stdout.flush()
                continue
            items += page.items
            if not page.more or len(items) >= limit:
                break
    if output == Output.json:
        print_json({"items": items, "next": page.next, "more": page.more})
        return
    for event in items:
        print(line(event))
    if page.more:
        print(f"There are more: --after {page.next}", file=sys.stderr)


def line(event: dict[str, Any]) -> str:
    """Return an event as one line: time, stream, number in the stream, type, and what it says."""
    kind, _, name = event["subject"].partition("/")
    stream = f"{kind}/{short(name) if kind == 'session' else name}"
    what = event["type"].removeprefix("autolearn.")
    about = shortened(event.get("data"), 80)
    time = when(event["time"]) or ""
    return f"{time:19}  {stream:32} {event['sequence']:>5}  {what:26} {about}"

"""`autolearn events` and `autolearn position`: the log itself."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output, short, shortened, when
from autolearn.client.cli.terminal_text import escaped, printable

PAGE = 1000
LIMIT = 100


def events(
    after: Annotated[
        str,
        typer.Option(
            metavar="POSITION",
            help="Start after a position, or at `now`. [default: before the first event]",
        ),
    ] = "",
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="The maximum number of events. [default: 100; with --follow all]"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new events too, until Ctrl-C.")
    ] = False,
    stream: Annotated[
        str, typer.Option(metavar="STREAM", help="Only events of a stream: dataset/iris.")
    ] = "",
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="TYPE", help="Only this type: RunCompleted. May be repeated."
        ),
    ] = None,
    session: Annotated[
        str,
        typer.Option(
            metavar="ID|TITLE", help="Only events of a session or experiment; the start is enough."
        ),
    ] = "",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Print events as they lie on the log: CloudEvents, in the order of each stream.

    With --follow, -o json prints one event a line.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        chosen: dict[str, Any] = {
            "after": after,
            "stream": to.stream_id(stream) if stream else "",
            "session": to.find(session) if session else "",
            "types": types or (),
        }
        if follow:
            _print_all(to.client.follow(**chosen), limit, as_json=output == Output.json)
            return
        items: list[dict[str, Any]] = []
        limit = limit or LIMIT
        while True:
            page = to.client.events(**chosen, limit=min(PAGE, limit - len(items)))
            items += page.items
            chosen["after"] = page.next
            if not page.more or len(items) >= limit:
                break
    if output == Output.json:
        print_json({"items": items, "next": page.next, "more": page.more})
        return
    for event in items:
        print(_line(event))
    if page.more:
        print(f"There are more: --after {page.next}", file=sys.stderr)


def position(output: As = Output.table, url: Url = None) -> None:
    """Print a bookmark of now, for --as-of, --after and `diff`."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        token = to.client.position().token
        if output == Output.json:
            print_json(to.said)
        else:
            print(token)


def _print_all(entries: Any, limit: int | None, *, as_json: bool) -> None:
    """Print new entries of the feed, up to `limit`."""
    from itertools import islice

    import msgspec

    for entry in islice(entries, limit):
        event = entry.event
        if as_json:
            said = escaped(msgspec.json.encode(event).decode(), sys.stdout.encoding or "utf-8")
        else:
            said = _line(event)
        print(said, flush=True)


def _line(event: dict[str, Any]) -> str:
    kind, _, name = event["subject"].partition("/")
    stream = f"{kind}/{short(name) if kind == 'session' else name}"
    what = event["type"].removeprefix("autolearn.")
    about = shortened(event.get("data"), 80)
    time = when(event["time"]) or ""
    return printable(f"{time:19}  {stream:32} {event['sequence']:>5}  {what:26} {about}")

"""`autolearn audit`: the behaviour log."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output

_WHEN = "A time or an age: 2026-01-31T09:30, 2h."
PAGE = 500
_CHECKS = ("/health/ready", "/health/live", "/.well-known/jwks.json")
"""Routes that every client asks on its way to another one."""


def audit(
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help=f"Not before. {_WHEN}")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help=f"Not after. {_WHEN}")] = "",
    actor: Annotated[str, typer.Option(metavar="NAME", help="Only of this user.")] = "",
    service: Annotated[
        str, typer.Option(metavar="NAME", help="Only by api, decide, dispatch, work or supervise.")
    ] = "",
    stream: Annotated[
        str, typer.Option(metavar="STREAM", help="Only about a stream: session/<id>.")
    ] = "",
    outcome: Annotated[
        str,
        typer.Option(
            metavar="WORD", help="Only ok, denied, refused, failed, unanswered, sent or ignored."
        ),
    ] = "",
    trace: Annotated[
        str, typer.Option(metavar="ID", help="All hops of one request, the first one first.")
    ] = "",
    source: Annotated[
        str,
        typer.Option(
            metavar="store|memory", help="All stored entries, or those in the API's memory."
        ),
    ] = "store",
    limit: Annotated[int, typer.Option(min=1, help="The maximum number to print.")] = 50,
    page: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Continue an earlier list.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new entries until Ctrl-C.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also successful health checks and key requests.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Print the behaviour log, newest first: requests, commands, decisions and tasks.

    For sysadmins only. With --follow, -o json prints one hop a line.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.audit import hops, way
    from autolearn.client.cli.time_points import point

    words = {"actor": actor, "service": service, "stream": stream, "outcome": outcome}
    with connect(url) as to:
        chosen: dict[str, Any] = {
            **words,
            "trace": trace,
            "stream": to.stream_id(stream) if stream else "",
        }
        if follow:
            _print_all(to.client.follow_audit(**chosen), as_json=output == Output.json)
            return
        chosen |= {"begin": point(begin, "--from"), "end": point(end, "--to"), "source": source}
        whole = everything or bool(trace) or output == Output.json
        most = PAGE if trace else limit
        found, next_ = _gathered(to.client, chosen, most, page, whole=whole)
    if output == Output.json:
        import msgspec

        print_json({"items": msgspec.to_builtins(found), "next": next_})
        return
    if not found:
        print("None here." if next_ else "There is nothing.")
    else:
        console().print(way(found) if trace else hops(found))
    if next_:
        print(f"There may be more: --page {next_}", file=sys.stderr)


def _gathered(
    client: Any, chosen: dict[str, Any], limit: int, page: str | None, *, whole: bool
) -> tuple[list[Any], str | None]:
    """Return so many hops, and the token of those that follow; checks only if `whole`."""
    found: list[Any] = []
    while True:
        part = client.audit(**chosen, limit=min(PAGE, limit - len(found)), page=page)
        found += [hop for hop in part.items if whole or not _is_check(hop)]
        page = part.next
        if page is None or len(found) >= limit:
            return found, page


def _is_check(hop: Any) -> bool:
    return hop.route in _CHECKS and hop.outcome == "ok"


def _print_all(entries: Any, *, as_json: bool) -> None:
    """Print new hops."""
    import msgspec

    from autolearn.client.cli.tables.audit import line
    from autolearn.schemas.records.audit_hop import Hop

    for entry in entries:
        hop = msgspec.convert(entry.event, Hop)
        print(msgspec.json.encode(hop).decode() if as_json else line(hop), flush=True)

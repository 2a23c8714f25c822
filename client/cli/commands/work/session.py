"""`autolearn session`: open, show, commit and discard sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import SessionOption, Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import AsOf, point

if TYPE_CHECKING:
    from autolearn.schemas.rest.page import Page
    from autolearn.schemas.rest.sessions import Reader


app = typer.Typer(
    help="Open, show, commit (as an experiment) or discard a session, a draft of work.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)


@app.command("open")
def open_(
    title: Annotated[str, typer.Option(help="A short title.")] = "",
    expires: Annotated[
        float | None,
        typer.Option(metavar="DAYS", help="Days without use until the session expires; 0: never."),
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Open a session, which the following commands use."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        session = to.client.sessions.open(title, expires=expires)
        to.remember(session.id)
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Opened session {session.id}")


@app.command("show")
def show(
    session: Annotated[
        str | None, typer.Argument(metavar="ID", help="[default: --session, else the last opened]")
    ] = None,
    output: As = Output.table,
    url: Url = None,
    chosen: SessionOption = None,
    as_of: AsOf = None,
) -> None:
    """Show an open session: settings, learned parameters, evaluations, and running work.

    With --as-of: its state at that time, also if it has been committed or discarded since.
    """
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import sessions as views

    then = as_of and point(as_of)
    with connect(url, chosen) as to:
        found = to.client.session(to.session_id(session)).get(as_of=then)
        if output == Output.json:
            print_json(msgspec.json.encode(found))
        else:
            console().print(views.session(found))
        to.say_position()


@app.command("list")
def list_(output: As = Output.table, url: Url = None, as_of: AsOf = None) -> None:
    """List the open sessions, newest first; with --as-of, those open at that time."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import sessions as views
    from autolearn.schemas.rest.sessions import SessionSummary

    then = as_of and point(as_of)
    with connect(url) as to:
        items = to.every(to.client.sessions.list, as_of=then)
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            console().print(views.sessions(msgspec.convert(items, list[SessionSummary])))
        to.say_position()


@app.command("commit")
def commit(
    training: Annotated[
        list[str] | None,
        typer.Option(
            "--training",
            metavar="ID",
            help="Keep only this training, or the start of its id; may be repeated. "
            "[default: all that completed]",
        ),
    ] = None,
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Commit the session as an experiment; it is no session any more."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import count, print_json

    with connect(url, session) as to:
        proxy = to.client.session(to.session_id())
        experiment = proxy.commit(training or None)
        to.forget(experiment.id)
        if output == Output.json:
            print_json(msgspec.json.encode(experiment))
        else:
            kept = experiment.counts
            trainings = count(sum(kept["trainings"].values()), "training")
            evaluations = count(sum(kept["evaluations"].values()), "evaluation")
            print(f"Committed: experiment {experiment.id} keeps {trainings}, {evaluations}")


Shared = Annotated[
    str, typer.Argument(metavar="SESSION", help="The id of a session or experiment, or its start.")
]
User = Annotated[str, typer.Argument(metavar="USER", help="The other user's name.")]


@app.command("share")
def share(session: Shared, user: User, url: Url = None) -> None:
    """Let another user read a session, and the experiment that it becomes."""
    _change_readers(session, lambda proxy: proxy.share(user), url)


@app.command("unshare")
def unshare(session: Shared, user: User, url: Url = None) -> None:
    """End a user's right to read it, at once."""
    _change_readers(session, lambda proxy: proxy.unshare(user), url)


@app.command("leave")
def leave(session: Shared, url: Url = None) -> None:
    """Leave a session that another user has shared: it leaves your lists."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        to.client.session(session).leave()
    print(f"Left {session}")


def _change_readers(session: str, change: Callable[[Any], Page[Reader]], url: str | None) -> None:
    """Change the readers of a session, and print them."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        readers = change(to.client.session(session))
    print(f"Shared with {', '.join(one.user for one in readers.items) or 'nobody'}")


@app.command("keep")
def keep(
    session: Annotated[
        str | None, typer.Argument(metavar="ID", help="[default: --session, else the last opened]")
    ] = None,
    output: As = Output.table,
    url: Url = None,
    chosen: SessionOption = None,
) -> None:
    """Keep an expiring session, as if it had been used."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url, chosen) as to:
        kept = to.client.session(to.session_id(session)).keep()
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Kept session {kept.id}")


@app.command("discard")
def discard(session: SessionOption = None, output: As = Output.table, url: Url = None) -> None:
    """End the session and keep nothing of it; its open runs are cancelled."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import count, print_json

    with connect(url, session) as to:
        discarded = to.client.session(to.session_id()).discard()
        to.forget(discarded.id)
        if output == Output.json:
            print_json(to.said)
        else:
            stopped = count(len(discarded.cancelled), "run")
            print(f"Discarded session {discarded.id}; {stopped} cancelled")

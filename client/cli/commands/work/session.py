"""`autolearn session`: open, show, commit and discard sessions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.confirm import Yes, confirm
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import (
    Grantee,
    May,
    SessionOption,
    Shared,
    Url,
    shared_with,
    warn_of_name,
)
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.terminal_text import printable
from autolearn.client.cli.time_points import AsOf, point

if TYPE_CHECKING:
    from autolearn.schemas.rest.page import Page
    from autolearn.schemas.rest.sessions import Reader


app = typer.Typer(
    help="Your workspace: train in it, then commit it (it becomes an experiment) or discard it.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)


Session = Annotated[
    str | None,
    typer.Argument(
        metavar="ID|TITLE",
        help="The session; the start is enough. [default: --session, else the current one]",
    ),
]


@app.command("open")
def open_(
    title: Annotated[str, typer.Option(help="A short title.")] = "",
    expires: Annotated[
        float | None,
        typer.Option(metavar="DAYS", help="Days without use until the session expires; 0: never."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="EXPERIMENT",
            help="Go on from an experiment: with its title, and the trainings that it keeps.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="With --from: ask for its trainings again.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Open a session, which the following commands use."""
    if again and source is None:
        raise typer.BadParameter("name the experiment with --from", param_hint="'--again'")
    from autolearn.client.cli.commands.work.again import train_again
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.current_session import Current
    from autolearn.client.cli.output import print_json, short

    with connect(url) as to:
        found = None if source is None else to.experiment(source).refresh()
        kept = [] if found is None else [*found.trainings()]
        title = title or ("" if found is None else found.title)
        session = to.client.sessions.open(title, expires=expires)
        to.current.set(Current(session.id, title))
        if output == Output.json and not again:
            print_json(to.said)
            return
        if output == Output.table:
            print(f"Opened session {session.id}")
            for one in kept:
                print(f"  {short(one.id)} {one.estimator} on {one.dataset.name}")
            if kept and not again:
                print(f"Ask for them again: autolearn train --again {kept[0].session[:8]}")
        if again:
            train_again(to, session, kept, None, output)


@app.command("use")
def use(
    session: Annotated[
        str, typer.Argument(metavar="ID|TITLE", help="A session; the start is enough.")
    ],
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Make a session the current one, which the following commands use, in every terminal."""
    from autolearn.client.cli.connection import called, connect
    from autolearn.client.cli.current_session import Current
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        used = to.session(session)
        to.current.set(Current(used.id, used.title))
        if output == Output.json:
            print_json(to.said)
        else:
            print(printable(f"The current session is {called(used)}"))


@app.command("show")
def show(
    session: Session = None,
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
        if then:  # it may be an experiment since
            shown = to.session_of(to.session_id(session, "session", "experiment"))
        else:
            shown = to.session(session)
        found = shown.content(as_of=then)
        if output == Output.json:
            print_json(msgspec.json.encode(found))
        else:
            console().print(views.session(found))
        to.say_position()


@app.command("list")
def list_(
    shared: Shared = False, output: As = Output.table, url: Url = None, as_of: AsOf = None
) -> None:
    """List the open sessions, newest first; * marks the current one.

    With --as-of: those open at that time.
    """
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import sessions as views
    from autolearn.schemas.rest.sessions import SessionSummary

    then = as_of and point(as_of)
    with connect(url) as to:
        items = to.every(to.client.sessions.list(as_of=then, shared=shared))
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            current = to.current.get()
            found = msgspec.convert(items, list[SessionSummary])
            console().print(views.sessions(found, current.id if current else ""))
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
    note: Annotated[
        str | None, typer.Option(metavar="WORDS", help="A note to add to the session before.")
    ] = None,
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Commit the session as an experiment; it is no session any more."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import count, print_json
    from autolearn.schemas.errors import AutoLearnError

    with connect(url, session) as to:
        used = to.session()
        experiment = used.commit(training or None, note=note)
        to.current.forget(experiment.id)
        if output == Output.json:
            try:
                print_json(msgspec.json.encode(experiment.content()))
            except AutoLearnError as error:
                error.title = f"Committed as experiment {experiment.id}, whose runs are not shown"
                raise
            return
        kept, all_ = (sum(one.counts["trainings"].values()) for one in (experiment, used))
        evaluations = count(sum(experiment.counts["evaluations"].values()), "evaluation")
        left = all_ > kept
        trainings = f"{kept} of {all_} trainings" if left else count(kept, "training")
        print(f"Committed: experiment {experiment.id} keeps {trainings}, {evaluations}")
        if left:
            show = f"autolearn session show {experiment.id[:8]} --as-of {used.updated}"
            print(f"See the others with `{show}`", file=sys.stderr)


Either = Annotated[
    str,
    typer.Argument(
        metavar="ID|TITLE", help="A session or experiment: its id or title; the start is enough."
    ),
]


@app.command("share")
def share(
    session: Either,
    user: Grantee,
    may: Annotated[
        May, typer.Option(help="To read it, or to work in it: ask for runs, and cancel these.")
    ] = "read",
    url: Url = None,
) -> None:
    """Share a session, and the experiment that it becomes, with a user or group/NAME."""
    _change_grants(session, lambda proxy: proxy.share(user, may), url)
    warn_of_name(user)


@app.command("unshare")
def unshare(session: Either, user: Grantee, url: Url = None) -> None:
    """End the grant of a user or group/NAME, at once."""
    _change_grants(session, lambda proxy: proxy.unshare(user), url)


@app.command("leave")
def leave(session: Either, url: Url = None) -> None:
    """Leave a session that another user has shared with you: it leaves your lists."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        to.session_of(to.find(session)).leave()
    print(f"Left {session}")


def _change_grants(session: str, change: Callable[[Any], Page[Reader]], url: str | None) -> None:
    """Change the grants of a session, and print them."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        print(shared_with(change(to.session_of(to.find(session))).items))


@app.command("rename")
def rename(
    session: Either,
    title: Annotated[str, typer.Argument(help="The new title.")],
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Give a session or experiment another title."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.current_session import Current
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        renamed = to.session_of(to.find(session)).rename(title)
        if (current := to.current.get()) is not None and current.id == renamed.id:
            to.current.set(Current(renamed.id, renamed.title))
        if output == Output.json:
            print_json(to.said)
        else:
            print(printable(f"Renamed: {Current(renamed.id, renamed.title)}"))


@app.command("keep")
def keep(
    session: Session = None,
    output: As = Output.table,
    url: Url = None,
    chosen: SessionOption = None,
) -> None:
    """Keep an expiring session, as if it had been used."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url, chosen) as to:
        kept = to.session(session).keep()
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Kept session {kept.id}")


@app.command("discard")
def discard(
    given: Annotated[
        str | None,
        typer.Argument(metavar="[ID|TITLE]", help="[default: current session]", show_default=False),
    ] = None,
    session: SessionOption = None,
    yes: Yes = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """End the session and keep nothing of it; its open runs are cancelled."""
    from autolearn.client.cli.connection import called, connect
    from autolearn.client.cli.output import age, count, print_json

    with connect(url, session) as to:
        used = to.session(given)
        trainings, evaluations = (
            count(sum(used.counts[f"{kind}s"].values()), kind)
            for kind in ("training", "evaluation")
        )
        opened = f"opened {age(used.created)} ago"
        question = f"Discard session {called(used)} with {trainings}, {opened}? It cannot be undone"
        confirm(printable(question), yes=yes)
        discarded = used.discard()
        to.current.forget(discarded.id)
        if output == Output.json:
            print_json(to.said)
        else:
            stopped = count(len(discarded.cancelled), "run")
            stopped = f"; {stopped} cancelled" if discarded.cancelled else ""
            gone = f"{trainings} and {evaluations} are gone for good{stopped}"
            print(printable(f"Discarded session {called(used)}: {gone}"))

"""`autolearn login`, `logout`, `whoami` and `password`: the own identity."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from autolearn.client.cli.options import Days, TokenName, Url
from autolearn.client.cli.output import As, Output


def login(
    user: Annotated[str, typer.Argument(help="Your user name.")],
    name: TokenName = "autolearn login",
    days: Days = 90,
    url: Url = None,
) -> None:
    """Get a token for your password, and store it for later commands.

    The password is asked for; in a pipe it is the first line of standard input.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.sdk.access import credentials

    with connect(url) as to:
        made = to.client.login(user, secret("Password"), name=name, days=days)
        file = credentials.keep(to.place, made.user, made.token)
    print(f"Logged in as {made.user} until {made.expires or 'the token is revoked'}\n  {file}")


def logout(url: Url = None) -> None:
    """Revoke the stored token, and delete it here."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.sdk.access import credentials
    from autolearn.client.sdk.errors import Problem

    with connect(url) as to:
        kept = credentials.read().get(to.place)
        if kept is None:
            print("No token is kept for this API.", file=sys.stderr)
            raise typer.Exit(1)
        try:
            to.client.revoke_token(kept.token.split("_")[1])
        except Problem as problem:
            if problem.status not in (401, 404):  # then it is not valid any more
                raise
        credentials.forget(to.place)
    print(f"Logged out {kept.user}")


def whoami(output: As = Output.table, url: Url = None) -> None:
    """Show your user name, role and the expiry of your token."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, pairs, print_json

    with connect(url) as to:
        me = to.client.me()
        if output == Output.json:
            print_json(to.said)
            return
    about = {"user": me.name or "everybody", "role": me.role, "known by": me.auth}
    if me.token:
        about |= {"token": me.token, "expires": me.expires or "never"}
    console().print(pairs(about))


def quota(output: As = Output.table, url: Url = None) -> None:
    """Show your quotas: limits, use, and the origin of each limit."""
    from autolearn.client.cli.connection import show_list
    from autolearn.client.cli.tables import users as views

    show_list(lambda client: client.quotas(), views.quotas, output, url)


def password(url: Url = None) -> None:
    """Set your own password; an existing one is asked for first.

    All of your tokens but the one in use are revoked.
    """
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        present = secret("Present password (empty without one)", empty=True)
        to.client.set_own_password(secret("New password", again=True), present=present or None)
    print("The password is set, and all of your tokens but the one in use are revoked")


def secret(what: str, *, empty: bool = False, again: bool = False) -> str:
    """Read a hidden input; from a pipe, the next line.

    Raises:
        typer.BadParameter: it is empty, or differs the second time.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        import getpass

        given = getpass.getpass(f"{what}: ", stream=sys.stderr)
        if again and getpass.getpass("Once more: ", stream=sys.stderr) != given:
            raise typer.BadParameter("The two are not the same.")
    else:
        given = sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    if not given and not empty:
        raise typer.BadParameter("No password was given.")
    return given

"""`autolearn token`: your own tokens, for programs and other machines."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Days, TokenName, Url
from autolearn.client.cli.output import As, Output

app = typer.Typer(
    help="Manage your tokens for programs and other machines.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)


@app.command("list")
def list_(output: As = Output.table, url: Url = None) -> None:
    """List your tokens: name, begin, expiry, and whether it was revoked."""
    from autolearn.client.cli.connection import show_list
    from autolearn.client.cli.tables import users as views

    show_list(lambda client: client.tokens(), views.tokens, output, url)


@app.command("new")
def new(name: TokenName = "", days: Days = 90, output: As = Output.table, url: Url = None) -> None:
    """Make a token and print it: it is shown only this once."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        made = to.client.new_token(name=name, days=days)
        if output == Output.json:
            print_json(to.said)
        else:
            print(made.token)


@app.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Its id in `autolearn token list`.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="All your tokens but the one in use.")
    ] = False,
    url: Url = None,
) -> None:
    """Revoke a token, at once; sysadmins may revoke anybody's."""
    from autolearn.client.cli.connection import connect

    if everything == bool(token):
        raise typer.BadParameter("name one token, or use --all")
    with connect(url) as to:
        if everything:
            to.client.revoke_tokens()
            print("Revoked all of your tokens but the one in use")
            return
        revoked = to.client.revoke_token(token)
        print(f"Revoked {revoked.id} of {revoked.user}")


@app.command("show")
def show(url: Url = None) -> None:
    """Print the token of the commands, for `curl -H "Authorization: Bearer …"`."""
    import sys

    from autolearn.client.cli.connection import connect
    from autolearn.client.sdk.access import credentials

    with connect(url) as to:
        kept = credentials.find(to.place)
        if kept is None:
            print("No token is kept for this API: `autolearn login` gets one.", file=sys.stderr)
            raise typer.Exit(1)
        print(kept.token)

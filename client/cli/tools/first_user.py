"""Makes the first sysadmin: a process writes to the brokers, the token is stored here."""

from __future__ import annotations

import sys

import typer

from autolearn.client.cli.tools.tool_runner import run_tool
from autolearn.client.sdk.access import credentials
from autolearn.runtime.home import home_of, running
from autolearn.runtime.process import read_settings
from autolearn.runtime.variables import variables
from autolearn.schemas.errors import ExitCode


def make_first_user(name: str, *, anyway: bool, url: str | None, shown: bool) -> str:
    """Make a sysadmin, store the token, and return the message; or only the token, if `shown`.

    Raises:
        typer.Exit: it failed, and has printed why; or there are users already.
    """
    at = "" if shown else place(url)  # first: a token that cannot be stored would be lost
    words = ["--user", name, *(["--anyway"] if anyway else [])]
    made, _ = run_tool("autolearn.operations.first_user", "making a sysadmin", *words)
    if not made:
        print(
            "There are users already: they can use `autolearn login`. With --anyway a sysadmin is "
            "made all the same.",
            file=sys.stderr,
        )
        raise typer.Exit(ExitCode.NO)
    if shown:
        return str(made["token"])
    file = credentials.keep(at, made["user"], made["token"])
    return f"Made sysadmin {made['user']}; the token is in {file}"


def place(url: str | None) -> str:
    """Return the key of the stored token: the URL of the API, else the home."""
    home = home_of(read_settings())
    at = url or variables().get("AUTOLEARN_URL")
    up = running(home)
    if at is None and up is None:
        raise typer.BadParameter(
            "Where will the token be used? Say where the API is with --url or AUTOLEARN_URL.",
            param_hint="'--url'",
        )
    return credentials.place_of(at, home) if at else credentials.place_of_home(home)

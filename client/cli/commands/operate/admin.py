"""`autolearn admin`: commands for sysadmins."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import ResetLimits, SetLimits, Url, limits_in
from autolearn.client.cli.output import As, Output

app = typer.Typer(help="Administration, for sysadmins.", no_args_is_help=True, epilog=EXIT_CODES)
user = typer.Typer(
    help="Users: add, disable or enable, give a role.", no_args_is_help=True, epilog=EXIT_CODES
)
app.add_typer(user, name="user")


class Role(StrEnum):
    """The role of a user."""

    user = "user"
    viewer = "viewer"
    sysadmin = "sysadmin"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@user.command("add")
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="The user's role.")] = Role.user,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Set none: the user cannot log in yet.")
    ] = False,
    url: Url = None,
) -> None:
    """Add a user, who can then `autolearn login NAME`.

    The password is asked for; in a pipe it is the first line of standard input.
    """
    from autolearn.client.cli.commands.users.login import secret
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        password = None if no_password else secret(f"Password of {name}", again=True)
        added = to.client.add_user(name, role=role.value, password=password)
    print(f"Added {added.role} {added.name}")


@user.command("list")
def list_(output: As = Output.table, url: Url = None) -> None:
    """List the users."""
    from autolearn.client.cli.connection import show_list
    from autolearn.client.cli.tables import users as views

    show_list(lambda client: client.users(), views.users, output, url)


@user.command("role")
def set_role(
    name: Name, role: Annotated[Role, typer.Argument(help="The user's new role.")], url: Url = None
) -> None:
    """Change the role of a user."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        changed = to.client.set_role(name, role.value)
    print(f"{changed.name} is {changed.role}")


@user.command("password")
def set_password(name: Name, url: Url = None) -> None:
    """Change a user's password, and revoke the user's tokens; the log names you."""
    from autolearn.client.cli.commands.users.login import secret
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        to.client.set_password(name, secret(f"New password of {name}", again=True))
    print(f"The password of {name} is set, and all tokens of {name} are revoked")


@user.command("disable")
def disable(name: Name, url: Url = None) -> None:
    """Disable a user, at once: all tokens of the user are revoked."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        to.client.disable_user(name)
    print(f"{name} is disabled, and all tokens of {name} are revoked")


@user.command("enable")
def enable(name: Name, url: Url = None) -> None:
    """Enable a user, who must log in again: former tokens stay revoked."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        to.client.enable_user(name)
    print(f"{name} is enabled, with a new `autolearn login`: former tokens stay revoked")


@app.command("quota")
def quota(
    name: Annotated[str, typer.Argument(metavar="USER", help="The user's name.")],
    set_: SetLimits = None,
    reset: ResetLimits = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show or set a user's quotas: runs, sessions, bytes, tokens, requests."""
    from autolearn.client.cli.connection import connect, show_list
    from autolearn.client.cli.tables import users as views

    if limits := limits_in(set_, reset):
        with connect(url) as to:
            for one, limit in limits:
                to.client.set_quota(name, one, limit)
    show_list(lambda client: client.quotas_of(name), views.quotas, output, url)


@app.command("first-user")
def first_user(
    name: Annotated[
        str, typer.Option("--user", metavar="NAME", help="The sysadmin's name.")
    ] = "admin",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also if users exist: for when all tokens are lost.")
    ] = False,
    shown: Annotated[
        bool, typer.Option("--print", help="Print the token instead of storing it here.")
    ] = False,
    url: Url = None,
) -> None:
    """Make the first sysadmin of an installation, and store the token here.

    `autolearn up` does it by itself. This writes to the brokers (AUTOLEARN_KAFKA, else those of
    `autolearn up` on this machine), which allows everything.
    """
    from autolearn.client.cli.tools.first_user import make_first_user

    print(make_first_user(name, anyway=anyway, url=url, shown=shown))


@app.command("wire-keys")
def wire_keys() -> None:
    """List the keys to which clients seal requests to this home's API, newest first.

    A client with AUTOLEARN_SERVER_KEY set to one of the names accepts no other server.
    """
    from autolearn.client.cli.tools.wire_keys import named

    print("\n".join(named()))


@app.command("rotate-wire-key")
def rotate_wire_key() -> None:
    """Make a new key to which clients seal their requests; older ones work for a day.

    It goes into the folder of AUTOLEARN_WIRE_KEYS, else of this home; API processes load it by
    themselves.
    """
    from autolearn.client.cli.tools.wire_keys import rotated

    print(rotated())


@app.command("rotate-master-key")
def rotate_master_key(
    forget_old: Annotated[
        bool,
        typer.Option(
            "--forget-old", help="Make no new key, and remove the old ones from the key file."
        ),
    ] = False,
    output: As = Output.table,
) -> None:
    """Wrap all sessions' keys with another master key; the log stays as it is.

    This writes to the brokers and to the key file of this machine. If the key comes from a variable
    or a command, put the new key first there before you rotate.
    """
    from autolearn.client.cli.output import count, print_json
    from autolearn.client.cli.tools.tool_runner import run_tool

    words = ["--forget-old"] if forget_old else []
    found, code = run_tool("autolearn.operations.rotate_master_key", "wrapping", *words)
    if output == Output.json:
        print_json(found)
    else:
        print(f"{count(found['rewrapped'], 'key')} wrapped by the master key {found['master']}")
        if found["unreadable"]:
            print(f"{count(found['unreadable'], 'key')} are wrapped by one that is not known here")
        if found["known"]:
            where = f" in {found['file']}" if found["file"] else ""
            print(f"Still known{where}: {', '.join(found['known'])}")
    raise typer.Exit(code)

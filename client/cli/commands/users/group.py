"""`autolearn group`: groups of users, with whom things are shared."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.confirm import Yes, confirm
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Url, warn_of_name
from autolearn.client.cli.output import As, Output

app = typer.Typer(
    help="Groups of users: sessions and datasets are shared with group/NAME.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The group's name, without group/.")]
Users = Annotated[list[str], typer.Argument(metavar="USER…", help="The names of users.")]


@app.command("create")
def create(
    name: Name,
    owner: Annotated[
        str | None,
        typer.Option(metavar="USER", help="Its owner, if a sysadmin creates it. [default: you]"),
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Create a group, which you own, and whose first member you are."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        made = to.client.create_group(name, owner=owner)
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Created group {made.name} of {made.owner}: share with group/{made.name}")


@app.command("add")
def add(name: Name, users: Users, url: Url = None) -> None:
    """Add users to a group: what is shared with it is shared with them, at once."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        for user in users:
            to.client.add_member(name, user)
            print(f"{user} is a member of {name}")
            warn_of_name(user)


@app.command("remove")
def remove(name: Name, users: Users, url: Url = None) -> None:
    """Remove users from a group, at once; you may remove yourself from any group."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        for user in users:
            to.client.remove_member(name, user)
            print(f"{user} is no member of {name} any more")


@app.command("list")
def list_(output: As = Output.table, url: Url = None) -> None:
    """List the groups that you are in; all of them for a sysadmin."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import groups as views
    from autolearn.schemas.rest.groups import GroupSummary

    with connect(url) as to:
        items = to.every(to.client.groups())
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            console().print(views.groups(msgspec.convert(items, list[GroupSummary])))


@app.command("show")
def show(name: Name, output: As = Output.table, url: Url = None) -> None:
    """Show a group and its members."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import groups as views

    with connect(url) as to:
        found = to.client.group(name)
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.group(found))


@app.command("delete")
def delete(name: Name, yes: Yes = False, output: As = Output.table, url: Url = None) -> None:
    """Delete a group: its grants count no longer, and its name is never reused."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import count, print_json

    with connect(url) as to:
        if not yes:
            members = count(len(to.client.group(name).members), "member")
            confirm(f"Delete group {name} with {members} for good?", yes=yes)
        deleted = to.client.delete_group(name)
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Deleted group {deleted.name}")

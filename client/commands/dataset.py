"""`autolearn dataset`: bring datasets, see and share them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autolearn.client.cli_options import Url
from autolearn.client.commands.catalog import list_datasets, show_dataset
from autolearn.client.exits import EXIT_CODES
from autolearn.client.output import As, Output
from autolearn.client.points import AsOf, point

if TYPE_CHECKING:
    from autolearn.client.resources import Grant, Page

__all__ = ["app"]

app = typer.Typer(
    help="Bring datasets, see and share them.", no_args_is_help=True, epilog=EXIT_CODES
)


Columns = Annotated[
    list[str] | None,
    typer.Option(metavar="COL[,COL]", help="Columns of which no value is told."),
]


@app.command("add")
def add(
    path: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV or Parquet.")
    ],
    name: Annotated[str | None, typer.Option(help="[default: the file's]")] = None,
    target: Annotated[str | None, typer.Option(help="The column to learn.")] = None,
    summary: Annotated[str, typer.Option(help="A few words for people.")] = "",
    file_format: Annotated[
        Literal["csv", "parquet"] | None, typer.Option("--format", help="[default: by the file]")
    ] = None,
    sensitive: Columns = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Upload a file as a dataset, or as a new version of it. The same file is no new version."""
    from autolearn.client.cli_connection import connect
    from autolearn.client.output import console, print_json
    from autolearn.client.views import catalog as views

    with connect(url) as to:
        added = to.client.upload_dataset(
            path,
            name,
            target=target,
            format=file_format,
            summary=summary,
            sensitive=columns_in(sensitive),
        )
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.dataset(added, [added]))


User = Annotated[str, typer.Argument(metavar="USER", help="The other user's name.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name.")]


@app.command("describe")
def describe(
    name: Name,
    sensitive: Columns = None,
    not_sensitive: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="They are so no longer: its owner alone says that."),
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Mark columns of a dataset as sensitive: no value of them is told, in any version."""
    from autolearn.client.cli_connection import connect
    from autolearn.client.output import console, print_json
    from autolearn.client.views import catalog as views

    with connect(url) as to:
        described = to.client.describe_dataset(
            name, sensitive=columns_in(sensitive), not_sensitive=columns_in(not_sensitive)
        )
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.dataset(described, [described]))


@app.command("share")
def share(
    name: Name,
    user: User,
    may: Annotated[
        Literal["read", "write"],
        typer.Option(help="Use it and see what it holds, or upload new versions as well."),
    ] = "read",
    url: Url = None,
) -> None:
    """Let another user use a dataset of yours, or change it."""
    from autolearn.client.cli_connection import connect

    with connect(url) as to:
        say_who(to.client.share_dataset(name, user, may))


@app.command("unshare")
def unshare(name: Name, user: User, url: Url = None) -> None:
    """Let a user use a dataset of yours no longer, at once."""
    from autolearn.client.cli_connection import connect

    with connect(url) as to:
        say_who(to.client.unshare_dataset(name, user))


@app.command("delete")
def delete(
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="Also while experiments are kept that need it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Delete a dataset of yours for good: its key is shredded. Its name is not given again."""
    from autolearn.client.cli_connection import connect
    from autolearn.client.output import print_json

    with connect(url) as to:
        if not yes:
            typer.confirm(f"Delete dataset {name}, all versions, for good?", abort=True, err=True)
        deleted = to.client.delete_dataset(name, force=force)
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Deleted dataset {deleted.name}")


def columns_in(given: list[str] | None) -> list[str]:
    """Return the names of columns that an option gives, each time some, parted by commas."""
    return [name.strip() for one in given or () for name in one.split(",") if name.strip()]


def say_who(grants: Page[Grant]) -> None:
    """Print who may use a dataset besides its owner."""
    who = (f"{one.user} ({one.may})" for one in grants.items)
    print(f"Shared with {', '.join(who) or 'nobody'}")


@app.command("list")
def list_(output: As = Output.table, url: Url = None, as_of: AsOf = None) -> None:
    """List the datasets."""
    from autolearn.client.cli_connection import connect

    then = as_of and point(as_of)
    with connect(url) as to:
        list_datasets(to, output, then)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument()],
    output: As = Output.table,
    url: Url = None,
    as_of: AsOf = None,
) -> None:
    """Show a dataset: schema, missing values, class balance and versions."""
    from autolearn.client.cli_connection import connect

    then = as_of and point(as_of)
    with connect(url) as to:
        show_dataset(to, name, output, then)

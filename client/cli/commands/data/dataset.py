"""`autolearn dataset`: add, show and share datasets."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from autolearn.client.cli.commands.data import dataset_contents, dataset_expectations
from autolearn.client.cli.commands.data.catalog import list_datasets, show_dataset
from autolearn.client.cli.commands.data.labelled_rows import labelled_rows
from autolearn.client.cli.confirm import Yes, confirm
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import (
    Grantee,
    May,
    Roles,
    Shared,
    Url,
    roles_in,
    shared_with,
    warn_of_name,
)
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import AsOf, point
from autolearn.client.sdk.dataset_files import FileFormat, dataset_name
from autolearn.schemas.values import ColumnRole

app = typer.Typer(help="Upload, show and share datasets.", no_args_is_help=True, epilog=EXIT_CODES)


Columns = Annotated[
    list[str] | None, typer.Option(metavar="COL[,COL]", help="Columns whose values are hidden.")
]


How = "How the file is read"
Odd = "Findings and changes"
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="COL=TYPE",
        rich_help_panel=How,
        help="number, integer, boolean, text, timestamp, or the form of a date: DD/MM/YYYY.",
    ),
]


Positive = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help='The class that evaluations measure; "": none. [default: as in the version before]',
    ),
]


@app.command("add")
def add(
    path: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON lines, Parquet, Arrow or Excel; also compressed. -: standard input. "
            "With --from-predictions or --from-labels the dataset's name."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="[default: from the file's]")] = None,
    target: Annotated[
        str | None, typer.Option(help="The column to learn. [default: as in the version before]")
    ] = None,
    summary: Annotated[str, typer.Option(help="A short description.")] = "",
    sensitive: Columns = None,
    roles: Roles = None,
    positive: Positive = None,
    from_predictions: Annotated[
        str, typer.Option(metavar="MODEL", help="The rows that were asked of it and have a truth.")
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="From when on, with --from-predictions.")
    ] = "30d",
    from_labels: Annotated[
        str, typer.Option(metavar="DATASET[@V]", help="The rows of a dataset with their labels.")
    ] = "",
    made_from: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET[@V]",
            help="What the file was made of, for its lineage; may be repeated.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be read, and keep nothing.")
    ] = False,
    file_format: Annotated[
        FileFormat | None,
        typer.Option("--format", help="[default: by the file]", rich_help_panel=How),
    ] = None,
    separator: Annotated[
        str, typer.Option(metavar="CHAR", help="The separator, or `tab`.", rich_help_panel=How)
    ] = "",
    decimal: Annotated[
        Literal[".", ","] | None, typer.Option(help="The decimal sign.", rich_help_panel=How)
    ] = None,
    encoding: Annotated[
        str,
        typer.Option(metavar="NAME", help="Such as latin-1. [default: utf-8]", rich_help_panel=How),
    ] = "",
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header", help="Whether the first row has names.", rich_help_panel=How
        ),
    ] = None,
    skip_lines: Annotated[
        int | None, typer.Option(help="Lines above the header.", rich_help_panel=How)
    ] = None,
    sheet: Annotated[str, typer.Option(help="The sheet of a workbook.", rich_help_panel=How)] = "",
    types: Types = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD[,WORD]",
            help="Words for missing values, instead of the usual ones.",
            rich_help_panel=How,
        ),
    ] = None,
    zone: Annotated[
        str, typer.Option(help="The zone of times without one. [default: UTC]", rich_help_panel=How)
    ] = "",
    accept_findings: Annotated[
        bool,
        typer.Option(
            "--accept-findings",
            help="Allow trainings despite severe findings.",
            rich_help_panel=Odd,
        ),
    ] = False,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Allow columns that differ from the version before.",
            rich_help_panel=Odd,
        ),
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Upload a file as a dataset, or as a new version of it. The same file is no new version.

    How it is read is detected; its findings are printed, and `dataset show` has the columns
    (docs/data.md).
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import catalog as views

    if from_predictions and from_labels:
        raise typer.BadParameter("give one of both", param_hint="--from-labels")
    if from_predictions or from_labels:
        if len(path.parts) != 1 or name is not None:
            option = "--from-predictions" if from_predictions else "--from-labels"
            raise typer.BadParameter(f"with {option} it is the name", param_hint="'PATH'")
        name = str(path)
    if from_predictions:
        file_format, separator, decimal = "csv", ",", "."
    elif str(path) == "-" and name is None:
        raise typer.BadParameter("name what comes from standard input", param_hint="--name")
    if not (from_predictions or from_labels) and str(path) != "-" and not path.is_file():
        raise typer.BadParameter(f"there is no file {path}", param_hint="'PATH'")
    called = name or dataset_name(path)
    if name is None and called != path.stem:
        typer.echo(f"The dataset is called {called} (--name gives another name).", err=True)
    with connect(url) as to, ExitStack() as stack:
        known_roles: Mapping[str, ColumnRole] = {}
        file: Any
        sources = [f"data:{one}" for one in made_from or ()]
        if from_predictions:
            labelled = labelled_rows(to.client, from_predictions, point(since, "--since"))
            file, learned, asked = stack.enter_context(labelled)
            sources += asked
            target = learned if target is None else target
        elif from_labels:
            before, _, version = from_labels.partition("@")
            base = to.client.dataset(before, version=version or None)
            file = base.with_labels(target or "")
            target = target or base.data.target
            sources.append(f"labels:{before}@{base.data.version}")
            hidden = [one.name for one in base.data.columns if one.sensitive is True]
            sensitive, known_roles = [*hidden, *(sensitive or ())], base.data.roles
            accept_changes = accept_changes or before == name
        else:
            file = stack.enter_context(file_of(path))
        added = to.client.upload_dataset(
            file,
            called,
            target=target,
            format=file_format,
            summary=summary,
            sensitive=_columns_in(sensitive),
            roles={**known_roles, **roles_in(roles)},
            positive=positive,
            separator=separator,
            decimal=decimal or "",
            encoding=encoding,
            header=header,
            skip_lines=skip_lines,
            sheet=sheet,
            missing=None if missing is None else _columns_in(missing),
            types=_types_in(types),
            zone=zone,
            accept_findings=accept_findings,
            accept_changes=accept_changes,
            made_from=sources,
            dry_run=dry_run,
        )
        if output == Output.json:
            print_json(to.said)
        elif dry_run:
            console().print(views.dataset(added.data, [added.data], findings=views.FEW))
        else:
            new = to.status == HTTPStatus.CREATED
            console().print(views.added(added.data, new=new))


@contextmanager
def file_of(path: Path) -> Iterator[Path]:
    """Yield a file; for -, one with what standard input has, which is deleted at the end."""
    import shutil
    import tempfile

    if str(path) != "-":
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="autolearn-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name)


def _types_in(given: list[str] | None) -> dict[str, str]:
    found = {}
    for one in given or ():
        column, equals, kind = one.rpartition("=")
        if not equals:
            raise typer.BadParameter(f"give it as COL=TYPE; got {one!r}", param_hint="--type")
        found[column] = kind
    return found


Name = Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name.")]


@app.command("describe")
def describe(
    name: Name,
    sensitive: Columns = None,
    not_sensitive: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="They are so no longer: its owner alone says that."),
    ] = None,
    roles: Roles = None,
    no_role: Annotated[
        list[str] | None, typer.Option(metavar="COL[,COL]", help="They have no role any more.")
    ] = None,
    types: Types = None,
    positive: Positive = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Say what columns of a dataset are: sensitive (values are hidden), of a role, of a type.

    Trainings learn from features only; a role holds for all versions. For a type or another target
    the file of the newest version is examined again.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import catalog as views

    with connect(url) as to:
        described = to.client.describe_dataset(
            name,
            sensitive=_columns_in(sensitive),
            not_sensitive=_columns_in(not_sensitive),
            roles={**dict.fromkeys(_columns_in(no_role)), **roles_in(roles)},
            types=_types_in(types),
            positive=positive,
        )
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.dataset(described, [described]))


@app.command("share")
def share(
    name: Name,
    user: Grantee,
    may: Annotated[
        May, typer.Option(help="To use it and see what it holds, or to add versions as well.")
    ] = "read",
    url: Url = None,
) -> None:
    """Share a dataset of yours with a user, or with the members of group/NAME."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        print(shared_with(to.client.share_dataset(name, user, may).items))
        warn_of_name(user)


@app.command("unshare")
def unshare(name: Name, user: Grantee, url: Url = None) -> None:
    """End the grant of a user or group/NAME, at once."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        print(shared_with(to.client.unshare_dataset(name, user).items))


@app.command("delete")
def delete(
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="Also while experiments are kept that need it.")
    ] = False,
    yes: Yes = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Delete a dataset of yours for good: its key is shredded, its name is never reused."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        confirm(f"Delete dataset {name}, all versions, for good?", yes=yes)
        deleted = to.client.delete_dataset(name, force=force)
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Deleted dataset {deleted.name}")


def _columns_in(given: list[str] | None) -> list[str]:
    return [name.strip() for one in given or () for name in one.split(",") if name.strip()]


@app.command("list")
def list_(
    shared: Shared = False, output: As = Output.table, url: Url = None, as_of: AsOf = None
) -> None:
    """List the datasets."""
    from autolearn.client.cli.connection import connect

    then = as_of and point(as_of)
    with connect(url) as to:
        list_datasets(to, output, then, shared=shared)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION.")],
    column: Annotated[
        str | None, typer.Argument(metavar="[COLUMN]", help="Show the values of this column.")
    ] = None,
    findings: Annotated[
        bool, typer.Option("--findings", help="All that is odd about it, with what helps.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
    as_of: AsOf = None,
) -> None:
    """Show a dataset: schema, missing values, findings, class balance and versions.

    With COLUMN: its top values, quantiles and histogram.
    """
    from autolearn.client.cli.connection import connect

    then = as_of and point(as_of)
    with connect(url) as to:
        if column is not None:
            if then is not None:
                raise typer.BadParameter("values have no past: leave it out", param_hint="--as-of")
            dataset_contents.show_column(to, name, column, output)
            return
        show_dataset(to, name, output, then, findings=findings)


app.command("head")(dataset_contents.head)
app.command("expect")(dataset_expectations.expect)


@app.command("download")
def download(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="[default: NAME and its ending, here]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    url: Url = None,
) -> None:
    """Fetch the file of a dataset as it was uploaded, checked by its SHA-256."""
    from autolearn.client.cli.connection import connect

    name, _, version = name.partition("@")
    with connect(url) as to:
        found = to.client.dataset(name, version=version or None)
        file = output or Path(f"{name}.{_ENDINGS.get(found.format, found.format)}")
        if file.exists() and not force:
            raise typer.BadParameter(
                f"{file} exists: --force replaces it, -o names another", param_hint="'-o'"
            )
        to.client.download_dataset(name, file, found.version)
    print(f"Wrote {file}: {found.bytes:,} bytes of {name}@{found.version[:8]}")


@app.command("diff")
def diff(
    name: Name,
    before: Annotated[str, typer.Argument(metavar="VERSION", help="Its start is enough.")],
    now: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="[default: the newest]")
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show what a version of a dataset changes against an earlier one."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.datasets.dataset_diff import changes
    from autolearn.schemas.dataset_changes import changes_of

    with connect(url) as to:
        versions = [to.client.dataset(name, version=one).data for one in (before, now)]
    if output == Output.json:
        print_json(msgspec.json.encode(changes_of(versions[1], versions[0])))
    else:
        console().print(changes(versions[1], versions[0]))


_ENDINGS = {"excel": "xlsx"}

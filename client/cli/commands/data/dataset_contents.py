"""Commands of `autolearn dataset` that show what a dataset holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from autolearn.client.cli.commands.data.catalog import name_and_version
from autolearn.client.cli.options import Url, words
from autolearn.client.cli.output import AsRows, Format, Output
from autolearn.schemas.bounds import ROWS_SHOWN

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection


def head(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION.")],
    rows: Annotated[
        int, typer.Option("--rows", "-n", min=1, max=ROWS_SHOWN, help="Rows to show.")
    ] = 10,
    columns: Annotated[
        str | None, typer.Option(metavar="COL,…", help="Columns to show. [default: as many as fit]")
    ] = None,
    output: AsRows = Format.table,
    url: Url = None,
) -> None:
    """Show the first rows of a dataset, as a training reads them.

    On a terminal, columns without room are left out, and counted.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import line_width, print_json, print_lines
    from autolearn.client.cli.tables.datasets import dataset_rows as views

    name, version = name_and_version(name)
    with connect(url) as to:
        found = to.client.dataset_rows(name, rows, version=version, columns=words(columns) or ())
        match output:
            case Format.json:
                print_json(to.said)
            case Format.csv:
                views.write_csv(found, sys.stdout)
            case Format.table:
                print_lines(views.first_rows(found, line_width()))


def show_column(to: Connection, name: str, column: str, output: Output) -> None:
    """Print counts, top values, quantiles and a histogram of a column."""
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.datasets.column_summary import column_summary

    name, version = name_and_version(name)
    found = to.client.dataset_column(name, column, version=version)
    if output == Output.json:
        print_json(to.said)
    else:
        of = to.client.dataset(name, version=version or None).data
        console().print(column_summary(found, of))

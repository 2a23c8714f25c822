"""`autolearn model case`: named rows whose answers are compared at each promotion."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.commands.data.catalog import name_and_version
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.schemas.bounds import MODEL_CASES, ROWS_SHOWN

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection
    from autolearn.client.sdk.models.registry import ModelHandle

app = typer.Typer(
    help="Named cases: rows whose answers are compared at each promotion.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]
_CONDITION = re.compile(r"\s*(?P<column>.+?)\s*(?P<how>>=|<=|!=|=|>|<)\s*(?P<value>.*?)\s*")
_GAPS = ("", "NA", "N/A")
_Row = tuple[dict[str, Any], Any]
"""A row, and what it should be answered: None, nobody says."""


@app.command("add")
def add(
    name: Name,
    row: Annotated[
        str | None,
        typer.Option(
            metavar="JSON|FILE", help="A row as {column: value}, or a file of them: CSV or JSON."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[@VERSION]",
            help="Rows of a dataset, which expect the value of its target.",
        ),
    ] = None,
    where: Annotated[
        list[str],
        typer.Option(
            metavar="CONDITION",
            help=f'Of the dataset: which of its first {ROWS_SHOWN:,} rows, such as "age > 60"; may '
            "be repeated.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    limit: Annotated[
        int, typer.Option(min=1, max=MODEL_CASES, help="Of the dataset: so many rows at most.")
    ] = 5,
    case: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="WORDS",
            help="What it is called; several rows are numbered. [default: case-1, case-2 …]",
        ),
    ] = "",
    expect: Annotated[
        str | None, typer.Option(metavar="LABEL", help="What it should be answered.")
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Add rows as named cases, at most 100 for a model."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import count, print_json

    if (row is None) == (dataset is None):
        raise typer.BadParameter("give a row, or --dataset NAME", param_hint="'--row'")
    if where and dataset is None:
        raise typer.BadParameter("it chooses rows of a --dataset", param_hint="'--where'")
    with connect(url) as to:
        model = to.client.model(name)
        if dataset is not None:
            rows = _rows_of(to, dataset, where, limit)
        else:
            rows = [(one, None) for one in _rows_in(model, row or "")]
        added = []
        for number, (values, right) in enumerate(rows, 1):
            called = f"{case} {number}" if case and len(rows) > 1 else case
            wanted = right if expect is None else expect
            added.append(model.add_case(values, name=called, expect=wanted))
        if output == Output.json:
            print_json({"items": added, "next": None})
        else:
            names = ", ".join(one.name for one in added)
            print(f"Added {count(len(added), 'case')} to {name}: {names}")


@app.command("list")
def list_(name: Name, output: As = Output.table, url: Url = None) -> None:
    """List the named cases of a model."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.serve import cases as views

    with connect(url) as to:
        found = to.client.model(name).cases()
        if output == Output.json:
            print_json({"items": found, "next": None})
        else:
            console().print(views.cases(found))


@app.command("remove")
def remove(
    name: Name,
    case: Annotated[str, typer.Argument(metavar="CASE", help="Its name or number.")],
    url: Url = None,
) -> None:
    """Remove a named case."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import count

    with connect(url) as to:
        left = to.client.model(name).remove_case(case)
        print(f"Removed {case}: {name} has {count(len(left), 'case')}")


@app.command("run")
def run(
    name: Name,
    version: Annotated[
        str, typer.Argument(metavar="[VERSION]", help="The number of a version, or an alias.")
    ] = "champion",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show how a version answers the named cases now, and whether that is as expected.

    Exit code 1: an answer is not as expected, or a case failed.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.serve import cases as views

    with connect(url) as to:
        found = to.client.model(name).run_cases(version)
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.answers(found))
        if any(one.failed or one.as_expected is False for one in found.answers):
            raise typer.Exit(1)


def _rows_in(model: ModelHandle, given: str) -> list[dict[str, Any]]:
    """Return rows that are given as JSON, or as a file of JSON or CSV.

    Raises:
        typer.BadParameter: they are none.
    """
    import msgspec

    text = given
    if given.lstrip()[:1] not in ("{", "["):
        path = Path(given)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"{path}: {error}", param_hint="'--row'") from None
        if path.suffix not in (".json", ".jsonl"):
            return [*_csv_rows(text, model.schema()["properties"])]
        if path.suffix == ".jsonl":
            text = f"[{','.join(line for line in text.splitlines() if line.strip())}]"
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"it is no JSON: {error}", param_hint="'--row'") from None
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(one, dict) for one in rows):
        raise typer.BadParameter("a row is {column: value, …}", param_hint="'--row'")
    return rows


def _csv_rows(text: str, columns: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the lines of CSV, with values as the model's schema has them."""
    try:
        for line in csv.DictReader(text.splitlines(), strict=True):
            if None in line or None in line.values():
                words = "a line has more or fewer fields than the header"
                raise typer.BadParameter(words, param_hint="'--row'")
            yield {name: _typed(of, columns.get(name, {})) for name, of in line.items()}
    except csv.Error as error:
        raise typer.BadParameter(f"it is no CSV: {error}", param_hint="'--row'") from None


def _typed(field: str, column: Mapping[str, Any]) -> Any:
    """Return a field as a value of a column; as text if it is none, which then fails."""
    if field in _GAPS:
        return None
    kind = column.get("type", ["string"])[0]
    if kind == "boolean" and field.lower() in ("true", "false"):
        return field.lower() == "true"
    return _number(field) if kind == "number" else field


def _number(field: str) -> float | str:
    """Return a number, or text that is none."""
    try:
        return float(field)
    except ValueError:
        return field


def _rows_of(to: Connection, given: str, where: Sequence[str], limit: int) -> list[_Row]:
    """Return rows of a dataset, each with the value of the target.

    Raises:
        typer.BadParameter: none fits, or a condition cannot be read.
    """
    name, version = name_and_version(given)
    about = to.client.dataset(name, version=version or None).data
    found = to.client.dataset_rows(name, ROWS_SHOWN, version=version)
    conditions = [_condition(words, found.columns) for words in where]
    rows = (dict(zip(found.columns, of, strict=True)) for of in found.rows)
    chosen = [row for row in rows if all(_holds(row[name], *how) for name, *how in conditions)]
    if not chosen:
        words = f"none of the first {len(found.rows):,} rows of {given} fits"
        raise typer.BadParameter(words, param_hint="'--where'")
    target = about.target or ""
    return [(row, _right(row.pop(target, None))) for row in chosen[:limit]]


def _condition(words: str, columns: Iterable[str]) -> tuple[str, str, str]:
    """Return the column, comparison and value of a condition. Raises typer.BadParameter."""
    found = _CONDITION.fullmatch(words)
    if found is None or found["column"] not in columns:
        why = f"{words!r} is no condition: COLUMN, one of = != > >= < <=, and a value; the columns "
        raise typer.BadParameter(f"{why}are {', '.join(columns)}", param_hint="'--where'")
    return found["column"], found["how"], found["value"]


def _holds(value: Any, how: str, given: str) -> bool:
    """Return whether a value compares so; a gap is only like an empty value."""
    if value is None:
        return (how == "=") == (given == "") and how in ("=", "!=")
    other: Any = given
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, int | float):
        other = _number(given)
        if isinstance(other, str):
            return how == "!="
    match how:
        case "=":
            return bool(value == other)
        case "!=":
            return bool(value != other)
        case ">":
            return bool(value > other)
        case ">=":
            return bool(value >= other)
        case "<":
            return bool(value < other)
    return bool(value <= other)


def _right(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value

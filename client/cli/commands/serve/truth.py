"""`autolearn truth` and `autolearn label`: what a model should have answered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autolearn.client.cli.commands.data.dataset_labels import label_rows
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output, count
from autolearn.client.cli.time_points import point

if TYPE_CHECKING:
    from autolearn.client.sdk.client import AutoLearn
    from autolearn.client.sdk.models.registry import ModelHandle
    from autolearn.schemas.rest.truths import AddedTruths, Unlabelled

app = typer.Typer(
    help="Truths: what a model should have answered, and how right it was.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")]
_Since = Annotated[
    str, typer.Option(metavar="TIME", help="From when on: 1h, 2d, or a time such as 2026-01-31.")
]
_Replace = Annotated[
    bool, typer.Option("--replace", help="Let a truth replace another one of the same row.")
]
_RIGHT, _OF_DATASETS = "right", "Of datasets"


@app.command("add")
def add(
    name: Name,
    path: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="A row for each truth, with a header.")
    ],
    key: Annotated[
        str,
        typer.Option(
            metavar="COL[,COL]",
            help="Columns that were asked, whose values name a row. [default: request and row]",
        ),
    ] = "",
    column: Annotated[
        str, typer.Option(metavar="COL", help="The column of the label or number.")
    ] = "truth",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="From when on rows are sought by --key.")
    ] = "30d",
    replace: _Replace = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Add the truths of a file: all of them, or none if one does not fit.

    Its columns are request (the id that an answer has), row (from 0; it may be left out) and truth.
    With --key columns of the asked rows take the place of request and row. The same truth again is
    harmless. It is for those who may promote.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json
    from autolearn.client.cli.tables.serve import truths as views

    with connect(url) as to:
        keys = [one.strip() for one in key.split(",") if one.strip()]
        model, begin = to.client.model(name), point(since, "--since")
        said = model.add_truths(path, key=keys, column=column, replace=replace, since=begin)
        if output == Output.json:
            print_json(to.said)
        else:
            print(views.recorded(said, "truth"))


@app.command("list")
def list_(
    name: Name,
    since: _Since = "30d",
    version: Annotated[int, typer.Option(min=0, help="Only this version; 0: all.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many answers.")] = 20,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Compare answers with their truths: the metrics of each version, and the newest answers."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.serve import truths as views

    with connect(url) as to:
        found = to.client.model(name).truths(
            since=point(since, "--since"), version=version, limit=limit
        )
        if output == Output.json:
            print_json(to.said)
        elif found.versions:
            console().print(views.truths(found))
        else:
            print(f"Nothing was asked of {name} since {since}.")


def label(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Of a model, or else of a dataset; model/NAME and dataset/NAME[@VERSION] say it.",
        ),
    ],
    request: Annotated[
        str,
        typer.Argument(
            metavar="[REQUEST|ROW]",
            help="The id of a request of a model; the number of a row of a dataset, from 0.",
            show_default=False,
        ),
    ] = "",
    said: Annotated[
        str,
        typer.Argument(
            metavar="[right|VALUE]", help="That it was right, or the truth.", show_default=False
        ),
    ] = "",
    row: Annotated[int, typer.Option(min=0, help="The number of the row in its request.")] = 0,
    since: _Since = "30d",
    target: Annotated[
        str,
        typer.Option(
            metavar="COL",
            help="The column, also a new one. [default: the dataset's target]",
            rich_help_panel=_OF_DATASETS,
        ),
    ] = "",
    labels: Annotated[
        str,
        typer.Option(
            metavar="A,B,…",
            help="The labels that may be given. [default: the known ones]",
            rich_help_panel=_OF_DATASETS,
        ),
    ] = "",
    by: Annotated[
        str,
        typer.Option(
            metavar="MODEL[@V]",
            help="First the rows of which it is the least certain, with its answers.",
            rich_help_panel=_OF_DATASETS,
        ),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many rows.")] = 20,
    only_list: Annotated[
        bool, typer.Option("--list", help="List the rows, and ask nothing.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let what is said replace something else.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Say what answers of a model should have been, or what rows of a dataset are.

    Each row without a truth or label is shown, and you answer `right`, or what it is; Enter goes on
    to the next one, `q` ends it. Of a model the least certain come first; of a dataset, the rows
    without a value of its target, in order or with --by. With REQUEST or ROW, and right or VALUE,
    one row is labelled at once. Models: for those who may promote; datasets: who may change them.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.serve import truths as views

    if bool(request) != bool(said):
        raise typer.BadParameter(
            "after the REQUEST comes right, or its VALUE; after the ROW its VALUE",
            param_hint="'REQUEST'",
        )
    with connect(url) as to:
        model = _model_of(to.client, name)
        if model is None:
            label_rows(
                to,
                name.removeprefix("dataset/"),
                request,
                said,
                target=target,
                classes=[one.strip() for one in labels.split(",") if one.strip()],
                by=by,
                limit=limit,
                only_list=only_list,
                replace=replace,
                output=output,
            )
            return
        name = model.name
        if target or labels or by:
            raise typer.BadParameter(
                f"{name} is a model, and --target, --labels and --by are of datasets: "
                f"`autolearn label dataset/{name}` labels the dataset",
                param_hint="NAME",
            )
        if request:
            added = _labelled(model, request, row, said, replace=replace)
            if output == Output.json:
                print_json(to.said)
            else:
                print(views.recorded(added, "truth"))
            return
        found = model.unlabelled(since=point(since, "--since"), limit=limit)
        if output == Output.json:
            print_json(to.said)
        elif not found.items:
            print(f"Every answer of {name} since {since} has a truth, or nothing was asked.")
        elif only_list:
            console().print(views.unlabelled(found))
        else:
            _ask(model, found)


def _model_of(client: AutoLearn, name: str) -> ModelHandle | None:
    """Return the model that is to be labelled; None if it is a dataset."""
    from autolearn.client.sdk.errors import Problem

    kind, slash, rest = name.partition("/")
    if slash and kind not in ("model", "dataset"):
        raise typer.BadParameter("say model/NAME or dataset/NAME", param_hint="NAME")
    if (kind == "dataset" and slash) or "@" in name:
        return None
    try:
        return client.model(rest if slash else name)
    except Problem as problem:
        if slash or problem.status not in (404, 410):
            raise
        return None


def _ask(model: ModelHandle, found: Unlabelled) -> None:
    """Ask a person about each row; without a terminal the answers are the lines of a pipe."""
    from autolearn.client.cli.output import console, messages, sentence
    from autolearn.client.cli.tables.serve import truths as views
    from autolearn.client.sdk.errors import Problem

    many = 0
    for number, one in enumerate(found.items, 1):
        console().print(views.question(one, number, len(found.items), found.rows, found.labels))
        while True:
            print("right, or what it is (Enter: next, q: end)? ", end="", file=sys.stderr)
            sys.stderr.flush()
            line = sys.stdin.readline()
            answer = line.strip()
            if not line or answer == "q":
                print(f"{count(many, 'truth')} recorded.")
                return
            if not answer:
                break
            try:
                _labelled(model, one.request, one.row, answer, replace=False)
            except Problem as problem:
                if problem.status not in (409, 422):
                    raise
                messages().print(sentence(problem.detail))
            else:
                many += 1
                break
    print(f"{count(many, 'truth')} recorded.")


def _labelled(
    model: ModelHandle, request: str, row: int, said: str, *, replace: bool
) -> AddedTruths:
    if said == _RIGHT:
        return model.label(request, row=row, right=True, replace=replace)
    return model.label(request, said, row=row, replace=replace)

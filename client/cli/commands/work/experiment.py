"""`autolearn experiment`: committed sessions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.commands.work.session import leave, rename, share, unshare
from autolearn.client.cli.confirm import Yes, confirm
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import SessionOption, Shared, Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import AsOf, point

if TYPE_CHECKING:
    from autolearn.schemas.rest.catalog import Dataset
    from autolearn.schemas.values import DatasetRef

Experiment = Annotated[
    str,
    typer.Argument(metavar="ID|TITLE", help="Its id or its title; the start of either is enough."),
]

app = typer.Typer(
    help="Experiments: committed sessions with their runs.", no_args_is_help=True, epilog=EXIT_CODES
)


for command in (rename, share, unshare, leave):
    app.command(command.__name__)(command)


@app.command("list")
def list_(
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION",
            help="Of one training: 'f1 > 0.8 and fit_seconds < 10'; the names are those of "
            "compare's columns, with spaces in double quotes.",
        ),
    ] = None,
    estimator: Annotated[
        str | None, typer.Option(metavar="NAME", help="That of this training.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME[@VERSION]", help="What it was trained on.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="May be repeated: all of them.")
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="USER", help="A user, or me.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Committed since: 2026-01-31, or how long ago: 7d, 12h."),
    ] = None,
    grep: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Each in the title, a note or a tag.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="List so many at most. [default: all]")
    ] = None,
    shared: Shared = False,
    output: As = Output.table,
    url: Url = None,
    as_of: AsOf = None,
) -> None:
    """List the experiments, the newest commit first; with --as-of, those at that time.

    The options search: an experiment must have all that they say.
    """
    import sys

    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, count, print_json
    from autolearn.client.cli.tables import sessions as views
    from autolearn.schemas.rest.experiments import ExperimentSummary

    then = as_of and point(as_of)
    search: dict[str, Any] = {
        "where": where,
        "estimator": estimator,
        "dataset": dataset,
        "tag": tag,
        "owner": owner,
        "since": since and point(since, "--since"),
        "grep": grep,
    }
    with connect(url) as to:
        items: list[dict[str, Any]] = []
        looked = 0
        for _ in to.client.experiments.list(
            **search, limit=limit, as_of=then, shared=shared
        ).pages():
            page = msgspec.json.decode(to.said)
            items, looked = [*items, *page["items"]][:limit], looked + page["looked"]
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            found = msgspec.convert(items, list[ExperimentSummary])
            console().print(views.experiments(found))
        if any(search.values()):
            words = f"{len(items)} found; looked at {count(looked, 'experiment')}"
            print(words, file=sys.stderr)
        to.say_position()


@app.command("show")
def show(
    experiment: Experiment, output: As = Output.table, url: Url = None, as_of: AsOf = None
) -> None:
    """Show an experiment: its data, trainings and evaluations."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import sessions as views

    then = as_of and point(as_of)
    with connect(url) as to:
        found = to.experiment(experiment).content(as_of=then)
        if output == Output.json:
            print_json(msgspec.json.encode(found))
        else:
            console().print(views.experiment(found))
        to.say_position()


@app.command("card")
def card(
    training: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT|TRAINING",
            help="The start of its id is enough, or the title of an experiment.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="[default: standard output]"),
    ] = None,
    url: Url = None,
    session: SessionOption = None,
) -> None:
    """Write a model card in Markdown: data, settings, split, results, caveats, environment.

    The sections are those of Mitchell et al. 2019. Intended use and ethics are left for you to
    write. Values of sensitive columns are not in it.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.tables.model_card import model_card
    from autolearn.client.cli.titles import NothingSo
    from autolearn.client.cli.training_owner import owner_of
    from autolearn.client.sdk.errors import Problem

    with connect(url, session) as to:
        found = owner_of(to, training)
        content = found.owner.content()
        trainings = [
            one
            for one in content.trainings
            if one.status == "completed" and not one.imported and found.training in (None, one.id)
        ]
        if not trainings:
            raise NothingSo(
                "No completed training can be read there, so there is nothing to write about."
            )
        datasets: dict[DatasetRef, Dataset | None] = {}
        for ref in {one.dataset: None for one in trainings}:
            try:
                datasets[ref] = to.client.dataset(ref.name, version=ref.version).data
            except Problem as problem:
                if problem.status not in (403, 404, 410):
                    raise
                datasets[ref] = None
    written = model_card(content, trainings, datasets)
    if output is None:
        print(written, end="")
    else:
        output.write_text(written, encoding="utf-8")
        print(f"Wrote {output}")


@app.command("delete")
def delete(
    experiment: Experiment, yes: Yes = False, output: As = Output.table, url: Url = None
) -> None:
    """Delete an experiment for good: its key is shredded, and nobody can read it any more."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.current_session import Current
    from autolearn.client.cli.output import count, print_json

    with connect(url) as to:
        found = to.experiment(experiment)
        if not yes:
            trainings = count(sum(found.refresh().counts["trainings"].values()), "training")
            about = Current(found.id, found.title)
            confirm(f"Delete experiment {about} with {trainings} for good?", yes=yes)
        deleted = found.delete()
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Deleted experiment {deleted.id}")

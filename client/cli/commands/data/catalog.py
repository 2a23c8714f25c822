"""`autolearn catalog`: estimators, metrics, steps and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import AsOf, point

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection


app = typer.Typer(
    help="The catalog: estimators, metrics, steps and datasets.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Name = Annotated[str | None, typer.Argument(metavar="NAME", help="Show all about this one.")]


@app.command("estimators")
def estimators(
    name: Name = None, output: As = Output.table, url: Url = None, as_of: AsOf = None
) -> None:
    """List the estimators; with NAME, show its task, hyperparameters and library version."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import catalog as views

    then = as_of and point(as_of)
    with connect(url) as to:
        client = to.client
        found = (
            [*client.estimators(as_of=then)]
            if name is None
            else [client.estimator(name, as_of=then)]
        )
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.estimators(found) if name is None else views.estimator(found[0]))
        to.say_position()


@app.command("metrics")
def metrics(
    name: Name = None, output: As = Output.table, url: Url = None, as_of: AsOf = None
) -> None:
    """List the metrics; with NAME, show one."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import catalog as views

    then = as_of and point(as_of)
    with connect(url) as to:
        client = to.client
        found = [*client.metrics(as_of=then)] if name is None else [client.metric(name, as_of=then)]
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.metrics(found))
        to.say_position()


@app.command("steps")
def steps(
    name: Name = None, output: As = Output.table, url: Url = None, as_of: AsOf = None
) -> None:
    """List the kinds of steps of pipelines; with NAME, show its inputs and parameters."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import catalog as views

    then = as_of and point(as_of)
    with connect(url) as to:
        client = to.client
        found = [*client.steps(as_of=then)] if name is None else [client.step(name, as_of=then)]
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.steps(found) if name is None else views.step(found[0]))
        to.say_position()


@app.command("datasets")
def datasets(
    name: Name = None, output: As = Output.table, url: Url = None, as_of: AsOf = None
) -> None:
    """List the datasets; with NAME, show its schema, missing values, classes and versions."""
    from autolearn.client.cli.connection import connect

    then = as_of and point(as_of)
    with connect(url) as to:
        if name is None:
            list_datasets(to, output, then)
        else:
            show_dataset(to, name, output, then)


def list_datasets(
    to: Connection, output: Output, then: str | None, *, shared: bool = False
) -> None:
    """Print all datasets, of now or of a past point; or those that others have shared."""
    import msgspec

    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import catalog as views
    from autolearn.schemas.rest.catalog import Dataset

    items = to.every(to.client.datasets(as_of=then, shared=shared))
    if output == Output.json:
        print_json({"items": items, "next": None})
    else:
        console().print(views.datasets(msgspec.convert(items, list[Dataset])))
    to.say_position()


def name_and_version(given: str) -> tuple[str, str]:
    """Split NAME or NAME@VERSION; without a version that is "".

    Raises typer.BadParameter if it is empty behind the @.
    """
    name, at, version = given.partition("@")
    if at and not version:
        raise typer.BadParameter(f"{name}@ names no version: give its start.", param_hint="'NAME'")
    return name, version


def show_dataset(
    to: Connection, name: str, output: Output, then: str | None, *, findings: bool = False
) -> None:
    """Print a dataset, NAME or NAME@VERSION, with all of its findings if requested."""
    import msgspec

    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables import catalog as views
    from autolearn.schemas.rest.catalog import Dataset

    name, version = name_and_version(name)
    dataset = to.client.dataset(name, version=version or None, as_of=then).data
    if output == Output.json:
        print_json(to.said)
    else:
        versions = to.every(to.client.dataset_versions(name, as_of=then))
        kind = list[Dataset]
        shown = None if findings else views.FEW
        console().print(views.dataset(dataset, msgspec.convert(versions, kind), findings=shown))
    to.say_position()

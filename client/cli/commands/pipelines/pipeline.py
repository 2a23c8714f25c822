"""`autolearn pipeline`: apply files, and show, share and remove pipelines."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal

import typer

from autolearn.client.cli.commands.pipelines import runs as runs_
from autolearn.client.cli.commands.pipelines import templates
from autolearn.client.cli.confirm import Yes, confirm
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import (
    Grantee,
    May,
    ResetLimits,
    SetLimits,
    Shared,
    Url,
    limits_in,
    shared_with,
    warn_of_name,
)
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import AsOf, point

app = typer.Typer(
    help="Pipelines: one YAML file from data to result, whose steps are cached.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name.")]
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", exists=True, dir_okay=False, readable=True, help="A YAML or JSON file."
    ),
]
_As = Annotated[
    Literal["table", "mermaid", "json"],
    typer.Option("--output", "-o", help="How to print the answer."),
]


@app.command("apply")
def apply(
    file: File,
    note: Annotated[str, typer.Option(metavar="WORDS", help="What has changed, and why.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check the file, and change nothing.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Make a file the newest version of the pipeline that it names. The first one makes that.

    Its faults are printed as FILE:LINE:COLUMN: text, and the exit code is 2.
    """
    from autolearn.client.cli.commands.pipelines.file_faults import faults_of
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import pipelines as views

    with connect(url) as to, faults_of(file):
        pipelines = to.client.pipelines
        found = pipelines.check(file) if dry_run else pipelines.apply_version(file, note=note)
        if output == Output.json:
            print_json(to.said)
        elif dry_run:
            console().print(views.version(found))
        else:
            console().print(views.applied(found, new=to.status == HTTPStatus.CREATED))
            console().print(f"Run it: autolearn pipeline run {found.pipeline}", markup=False)


app.command("run")(runs_.run)


app.command("new")(templates.new)
app.command("schema")(templates.schema)


@app.command("list")
def list_(
    shared: Shared = False, as_of: AsOf = None, output: As = Output.table, url: Url = None
) -> None:
    """List the pipelines that you own or that are shared with you, with their newest run."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import pipelines as views
    from autolearn.schemas.rest.pipelines.definitions import PipelineSummary

    with connect(url) as to:
        items = to.every(to.client.pipelines.list(shared=shared, as_of=as_of and point(as_of)))
        to.say_position()
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            console().print(views.pipelines(msgspec.convert(items, list[PipelineSummary])))


@app.command("show")
def show(
    name: Name,
    version: Annotated[
        int | None, typer.Option(min=1, help="A version. [default: the newest]")
    ] = None,
    file: Annotated[
        bool, typer.Option("--file", help="Print the file that declared it, and nothing else.")
    ] = False,
    as_of: AsOf = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show a pipeline with its parameters, steps and versions; or one version of it."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import pipelines as views
    from autolearn.client.cli.terminal_text import printable

    with connect(url) as to:
        pipeline = to.client.pipeline(name, as_of=as_of and point(as_of))
        to.say_position()
        said = to.said
        one = pipeline.version(version or pipeline.data.versions) if file or version else None
        if one is not None:
            said = to.said
        if file and one is not None:
            print(printable(one.text.removesuffix("\n")))
        elif output == Output.json:
            print_json(said)
        elif one is not None:
            console().print(views.version(one))
        else:
            quotas = [] if as_of else to.client.pipelines.quotas(name)
            console().print(views.pipeline(pipeline.data, quotas))
            if pipeline.data.versions > 1:
                console().print("", views.versions(pipeline.versions()), sep="\n")


@app.command("diff")
def diff(
    name: Name,
    before: Annotated[
        int | None, typer.Argument(metavar="[A]", min=1, help="A version. [default: B - 1]")
    ] = None,
    after: Annotated[
        int | None, typer.Argument(metavar="[B]", min=1, help="A version. [default: the newest]")
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show what differs between two versions of a pipeline; the order of steps does not count."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import pipelines as views

    with connect(url) as to:
        pipeline = to.client.pipeline(name)
        last = after or pipeline.data.versions
        first = before or last - 1
        if first < 1:
            raise typer.BadParameter(f"{name} has one version only", param_hint="'A'")
        found = pipeline.diff(first, last)
        if output == Output.json:
            print_json({"before": first, "after": last, "items": msgspec.to_builtins(found)})
        elif found:
            console().print(views.differences(found))
        else:
            console().print(views.unchanged(name, first, last))


@app.command("graph")
def graph(
    name: Name,
    version: Annotated[
        int | None, typer.Option(min=1, help="A version. [default: the newest]")
    ] = None,
    output: _As = "table",
    url: Url = None,
) -> None:
    """Show what goes from step to step: as a table, as a flowchart of Mermaid, or as JSON."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import pipelines as views
    from autolearn.schemas.pipelines.graph import mermaid

    with connect(url) as to:
        found = to.client.pipeline(name).graph(version=version)
        if output == "json":
            print_json(msgspec.to_builtins(found))
        elif output == "mermaid":
            print(mermaid(found), end="")
        else:
            console().print(views.graph(found))


app.command("runs")(runs_.list_)
app.command("run-show")(runs_.show)
app.command("run-follow")(runs_.follow)
app.command("run-cancel")(runs_.cancel)
app.command("run-repeat")(runs_.repeat)
app.command("run-logs")(runs_.logs)


@app.command("share")
def share(
    name: Name,
    user: Grantee,
    may: Annotated[
        May, typer.Option(help="To see it with its results, or to apply and run it as well.")
    ] = "read",
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Share a pipeline of yours with a user, or with the members of group/NAME."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        pipeline = to.client.pipeline(name).share(user, may)
        if output == Output.json:
            print_json(to.said)
        else:
            print(shared_with(pipeline.data.grants))
        warn_of_name(user)


@app.command("unshare")
def unshare(name: Name, user: Grantee, output: As = Output.table, url: Url = None) -> None:
    """End the grant of a user or group/NAME, at once."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        pipeline = to.client.pipeline(name).unshare(user)
        if output == Output.json:
            print_json(to.said)
        else:
            print(shared_with(pipeline.data.grants))


@app.command("quota")
def quota(
    name: Name,
    set_: SetLimits = None,
    reset: ResetLimits = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Show or set the quotas of a pipeline: runs, sessions, bytes of results.

    Its owner may set limits up to the defaults, a sysadmin any.
    """
    from autolearn.client.cli.connection import connect, show_list
    from autolearn.client.cli.tables import users

    if limits := limits_in(set_, reset):
        with connect(url) as to:
            for one, limit in limits:
                to.client.pipelines.set_quota(name, one, limit)
    show_list(lambda client: client.pipelines.quotas(name), users.quotas, output, url)


@app.command("remove")
def remove(name: Name, yes: Yes = False, output: As = Output.table, url: Url = None) -> None:
    """Remove a pipeline of yours with its runs and their results; its name is never reused.

    What it has delivered stays: datasets, experiments, versions of models.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        pipeline = to.client.pipeline(name)
        confirm(f"Remove pipeline {name} with its {pipeline.data.runs} runs, for good?", yes=yes)
        removed = pipeline.remove()
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"Removed pipeline {removed.name}")

"""`autolearn pipeline run`, and the commands of one run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.options import TimeLimit, Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.terminal_text import printable
from autolearn.client.cli.time_points import AsOf, point
from autolearn.schemas.errors import ExitCode

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection
    from autolearn.client.sdk.pipelines.runs import PipelineRunHandle
    from autolearn.schemas.rest.pipelines.runs import PipelineRun

_ENDINGS = (".yaml", ".yml", ".json")
_STEP = 1.0
"""Seconds after which the steps are requested again."""
_TAIL = 20
"""Lines of a log that a failed run's advice shows."""

RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="A run of a pipeline: its id, or the start of it.")
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="STEP", help="Run this step, and those that depend on it, in any case."
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Take no result from the cache.")]
Detach = Annotated[bool, typer.Option("--detach", help="Start it, and do not wait.")]


def run(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="A pipeline, or a YAML or JSON file, which is applied first."
        ),
    ],
    given: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="PARAM=VALUE", help="A parameter; may be repeated."),
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="A version. [default: the newest]")
    ] = None,
    start_at: From = None,
    no_cache: NoCache = False,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="STEP=FILE",
            help="What a source reads, in place of the file that it names; may be repeated.",
        ),
    ] = None,
    time_limit: TimeLimit = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show what would run and what is in the cache; run nothing."
        ),
    ] = False,
    detach: Detach = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Run a pipeline, and follow its steps. What was made before comes from the cache.

    Files that it reads are uploaded as the datasets NAME-FILE; files that it delivers are written
    below the current folder. Ctrl-C leaves it running. Exit code 1: it did not complete.
    """
    from autolearn.client.cli.commands.pipelines.file_faults import faults_of
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import runs as views

    chosen: dict[str, Any] = {
        "version": version,
        "start_at": start_at,
        "no_cache": no_cache,
        "files": _pairs(inputs, "--input", "STEP=FILE"),
        "parameters": _pairs(given, "-p", "PARAM=VALUE"),
    }
    with connect(url) as to:
        if (file := _file_in(what)) is None:
            pipeline = to.client.pipeline(what)
        elif version is not None:
            raise typer.BadParameter("name the pipeline: a file is applied", param_hint="--version")
        else:
            with faults_of(file):
                pipeline = to.client.pipelines.apply(file)
        if dry_run:
            plan = pipeline.plan(**chosen)
            if output == Output.json:
                print_json(to.said)
            else:
                console().print(views.plan(plan))
            return
        started = pipeline.run(**chosen, time_limit=time_limit, wait=False)
        _show(to, started, output, detach=detach)


def list_(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Those of this pipeline. [default: all]")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    as_of: AsOf = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """List runs, the newest first; with --as-of, those at that time."""
    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import runs as views
    from autolearn.schemas.rest.pipelines.runs import PipelineRunSummary

    then = as_of and point(as_of)
    with connect(url) as to:
        items = to.every(to.client.pipeline_runs(pipeline=name, limit=limit, as_of=then))
        to.say_position()
        if output == Output.json:
            print_json({"items": items, "next": None})
        else:
            console().print(views.runs(msgspec.convert(items, list[PipelineRunSummary])))


def show(run: RunId, as_of: AsOf = None, output: As = Output.table, url: Url = None) -> None:
    """Show a run with its steps, and what it has made; with --as-of, its state at that time."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import runs as views

    with connect(url) as to:
        found = to.client.pipeline_run(run, as_of=as_of and point(as_of))
        to.say_position()
        if output == Output.json:
            print_json(to.said)
        else:
            console().print(views.run(found.data))
            _say_made(found)


def follow(
    run: RunId,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Write the files that it delivers below this folder.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Follow the steps of a run until it has ended. Exit code 1: it did not complete."""
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        found = to.client.pipeline_run(run)
        _show(to, found, output, deliver=deliver)


def cancel(run: RunId, output: As = Output.table, url: Url = None) -> None:
    """Stop a run and its steps. What they have made stays."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        found = to.client.pipeline_run(run).cancel()
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"{_called(found.data)}: {found.data.status}")
            _say_made(found)


def repeat(
    run: RunId,
    start_at: From = None,
    no_cache: NoCache = False,
    detach: Detach = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Run the same version again with the same parameters and files.

    Results that are there come from the cache: a run that failed goes on from there.
    """
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        before = to.client.pipeline_run(run)
        again = before.repeat(start_at=start_at, no_cache=no_cache, wait=False)
        _show(to, again, output, detach=detach)


def logs(
    run: RunId,
    step: Annotated[
        str | None, typer.Argument(metavar="[STEP]", help="[default: the one that failed]")
    ] = None,
    tail: Annotated[int, typer.Option(min=0, metavar="N", help="The last lines; 0: all.")] = 0,
    url: Url = None,
) -> None:
    """Print what a step has written to its standard output and error.

    Of a step that failed: its reason, with the end of what it has written.
    """
    from autolearn.client.cli.connection import connect

    with connect(url) as to:
        found = to.client.pipeline_run(run)
        if step is None:
            step = _step_with_log(found.data)
        lines = found.log(step).splitlines()
        if not lines:
            print(f"The step {step} has written nothing.", file=sys.stderr)
            return
        print(printable("\n".join(lines[-tail:] if tail else lines)))


def _step_with_log(run: PipelineRun) -> str:
    """Return the step that failed, or the only one with a log.

    Raises:
        typer.BadParameter: several have a log, or none has.
    """
    failed = [one.name for one in run.steps if one.status == "failed"]
    chosen = failed or [one.name for one in run.steps if one.run and one.gave.artifact]
    if len(chosen) == 1:
        return chosen[0]
    there = ", ".join(chosen) or "none has one: no step ran in a process of its own"
    raise typer.BadParameter(f"name a step; logs: {there}", param_hint="'STEP'")


def _show(
    to: Connection,
    run: PipelineRunHandle,
    output: Output,
    *,
    detach: bool = False,
    deliver: bool = True,
) -> None:
    """Follow a run unless it is detached, and print it.

    Raises:
        typer.Exit: it did not complete, or Ctrl-C was pressed.
    """
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import runs as views

    if not detach:
        with _detached_by_interrupt(run.data):
            _follow(run)
    said = to.said
    if deliver and not detach and run.data.status == "completed":
        run.deliver()
    if output == Output.json:
        print_json(said)
    elif detach:
        print(f"Started {_called(run.data)}\n{_ways(run.data)}")
    else:
        console().print(views.run(run.data))
        _say_made(run)
    if not detach:
        _require_completed(run.data)


def _follow(run: PipelineRunHandle) -> None:
    from autolearn.client.cli.commands.pipelines.step_progress import StepProgress

    with StepProgress() as board:
        board.show(run.data)
        while run.data.ended is None:
            board.show(run.refresh(wait=_STEP).data)


@contextmanager
def _detached_by_interrupt(run: PipelineRun) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(f"Interrupted: {_called(run)} goes on.\n{_ways(run)}", file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _called(run: PipelineRun) -> str:
    return f"run {run.id[:8]} of pipeline {run.pipeline}"


def _ways(run: PipelineRun) -> str:
    """Return how to follow and cancel a run."""
    files = any(one.kind == "deliver" and "file" in one.parameters for one in run.definition.steps)
    deliver = " --deliver" if files else ""
    return (
        f"  Follow it: autolearn pipeline run-follow {run.id[:8]}{deliver}\n"
        f"  Cancel it: autolearn pipeline run-cancel {run.id[:8]}"
    )


def _say_made(run: PipelineRunHandle) -> None:
    """Print what a run has made, each with the next command to type."""
    from autolearn.client.cli.output import console, pairs
    from autolearn.client.cli.tables.pipelines import runs as views

    made = dict(one.split("\t") for one in views.made(run.data, run.written))
    if made:
        console().print("", pairs(made), sep="\n")


def _require_completed(run: PipelineRun) -> None:
    """Print why a run has not completed, and exit with 1; return if it has."""
    from autolearn.client.cli.tables.pipelines import runs as views

    if run.status == "completed":
        return
    failed = [one for one in run.steps if one.status == "failed"]
    lines = [f"The {_called(run)} did not complete"]
    lines += [f"  The step {one.name} failed: {views.in_short(one.why)}" for one in failed]
    if not failed:
        lines.append(f"  {run.reason}: {run.detail}" if run.reason else f"  It is {run.status}.")
    for one in failed:
        if one.run:
            at = f"autolearn pipeline run-logs {run.id[:8]} {one.name} --tail {_TAIL}"
            lines.append(f"  Its log: {at}")
    lines.append(f"  Once that is mended: autolearn pipeline run-repeat {run.id[:8]}")
    print(printable("\n".join(lines)), file=sys.stderr)
    raise typer.Exit(ExitCode.NO)


def _file_in(what: str) -> Path | None:
    """Return the file that an argument names; None if it names a pipeline.

    Raises:
        typer.BadParameter: there is no such file.
    """
    path = Path(what)
    named = path.suffix.lower() in _ENDINGS or len(path.parts) > 1
    if not named:
        return None
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {path}", param_hint="'NAME|FILE'")
    return path


def _pairs(given: list[str] | None, option: str, form: str) -> dict[str, Any]:
    """Return the values by name of NAME=VALUE words. Raises typer.BadParameter."""
    found: dict[str, Any] = {}
    for word in given or ():
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{word!r} is not {form}", param_hint=f"'{option}'")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice", param_hint=f"'{option}'")
        found[name] = value
    return found

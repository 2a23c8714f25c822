"""`autolearn replay pipeline`: do the steps of a run again, and compare."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, get_args

import typer

from autolearn.client.cli.commands.pipelines.runs import RunId
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.tools.tool_runner import run_tool

if TYPE_CHECKING:
    from autolearn.schemas.reports.pipeline_replay import RecordedPipelineRun


def pipeline(run: RunId, output: As = Output.table, url: Url = None) -> None:
    """Do the steps of a run of a pipeline again, and compare what they give, file by file.

    Each step is identical, or it differs: the check says in which files and columns, and which part
    of the environment is another one. What a step has written to its log does not count. What asks
    other machines or registers something is not repeated. Nothing is written to the log or to the
    artifact store. Exit code 1: a step differs or has failed.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    import msgspec

    from autolearn.client.cli.commands.pipelines.recorded_run import recorded_run
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.pipelines import replay as views
    from autolearn.schemas.reports.pipeline_replay import PipelineReplay

    with TemporaryDirectory(prefix="autolearn-replay-") as folder:
        with connect(url) as to:
            recorded = recorded_run(to, to.client.pipeline_run(run), Path(folder))
        said, code = _do_again(recorded)
    if output == Output.json:
        print_json(said)
    else:
        console().print(views.check(msgspec.convert(said, PipelineReplay)))
    raise typer.Exit(code)


def _do_again(recorded: RecordedPipelineRun) -> tuple[dict[str, Any], int]:
    """Run the tool, and print a line for each step as it is compared."""
    import msgspec

    from autolearn.schemas.reports.pipeline_replay import StepVerdict

    def told(done: int, total: int | None, stage: str = "") -> None:
        step, _, verdict = stage.partition(" ")
        if verdict in get_args(StepVerdict):
            print(f"{done} of {total}  {step}: {verdict}", file=sys.stderr)

    line = msgspec.json.encode(recorded) + b"\n\n"
    return run_tool(
        "autolearn.operations.replay_pipeline", "doing the steps again", given=line, told=told
    )

"""`autolearn reproduce`, also `replay retrain`: repeat recorded trainings, and compare."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from autolearn.client.cli.options import SessionOption, Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.tools.tool_runner import run_tool

if TYPE_CHECKING:
    from autolearn.schemas.reports.retrain import RecordedTraining


def retrain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="TRAINING|EXPERIMENT|NAME@VERSION",
            help="A training of an experiment or of the open session, an experiment for all of its "
            "trainings, or a version of a model. The start of an id is enough.",
        ),
    ],
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Train again from the recorded request, and compare the result with the record.

    From the strongest to the weakest: identical artifact, same predictions (bit for bit), same
    metrics, differs. Nothing is written to the log or to the artifact store. Exit code 1: a
    training differs or could not be repeated, or a recorded evaluation is not confirmed.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    import msgspec

    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.recorded_trainings import recorded_of
    from autolearn.client.cli.tables import retrain as views
    from autolearn.schemas.reports.retrain import RetrainCheck

    with TemporaryDirectory(prefix="autolearn-retrain-") as folder:
        with connect(url, session) as to:
            trainings = recorded_of(to, what, Path(folder))
        said, code = _train_again(trainings)
    if output == Output.json:
        print_json(said)
    else:
        console().print(views.check(msgspec.convert(said, RetrainCheck)))
    raise typer.Exit(code)


def _train_again(trainings: Sequence[RecordedTraining]) -> tuple[dict[str, Any], int]:
    """Run the retrain tool (`run_tool`), and print a line for each training as it is compared."""
    import msgspec

    from autolearn.client.cli.output import short
    from autolearn.schemas.reports.retrain import Verdict

    estimators = {short(one.request.run): one.request.estimator for one in trainings}

    def told(done: int, total: int | None, stage: str = "") -> None:
        training, _, phase = stage.partition(" ")
        if phase in get_args(Verdict):
            verdict = phase.replace("-", " ")
            line = f"{done} of {total}  {training} {estimators[training]}: {verdict}"
            print(line, file=sys.stderr)

    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in trainings)
    return run_tool(
        "autolearn.operations.retrain", "training again", given=lines + b"\n", told=told
    )

"""`autolearn cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.options import SessionOption, Url
from autolearn.client.cli.output import As, Output


def cancel(
    run: Annotated[
        str, typer.Argument(help="A training, evaluation, prediction or study; its id begins so.")
    ],
    session: SessionOption = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME[@VERSION]", help="The model that predicts a dataset."),
    ] = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Stop a run of the current session; of an experiment, if that is named by --session.

    `--model` stops the prediction of a dataset by a model.
    """
    from autolearn.client.cli.connection import connect, only
    from autolearn.client.cli.output import print_json
    from autolearn.client.cli.run_progress import phase_of, what
    from autolearn.client.cli.titles import NothingSo
    from autolearn.client.sdk.handles.predictions import PredictionHandle
    from autolearn.client.sdk.handles.runs import EvaluationHandle, TrainingHandle
    from autolearn.client.sdk.handles.studies import StudyHandle
    from autolearn.client.sdk.sessions import SessionHandle
    from autolearn.schemas.models.versions import CHAMPION

    with connect(url, session) as to:
        if model is not None:
            name, _, version = model.partition("@")
            batches = to.client.model(name).batches(version or CHAMPION)
            asked = {one.id: one for one in batches}
            chosen = only(run, lambda: asked, f"prediction of {model}")
            if chosen not in asked:
                raise NothingSo(f"{model} has no prediction {chosen} of yours.")
            stopped = asked[chosen].cancel()
            if output == Output.json:
                print_json(to.said)
            else:
                print(f"{what(stopped.data)}: {phase_of(stopped.data)}")
            return
        used = to.owner() if to.wanted else to.say_session()
        runs: dict[str, TrainingHandle | EvaluationHandle | PredictionHandle | StudyHandle] = {}
        if isinstance(used, SessionHandle):
            runs |= {one.id: one for one in used.studies()}
        runs |= {one.id: one for one in used.trainings()}
        runs |= {one.id: one for one in used.evaluations()}
        runs |= {one.id: one for one in used.predictions()}
        chosen = only(run, lambda: runs, "run of this session")
        cancelled = (runs.get(chosen) or used.training(chosen)).cancel()
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"{what(cancelled.data)}: {phase_of(cancelled.data)}")

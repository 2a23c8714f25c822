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
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Stop a run of the current session; of an experiment, if that is named by --session."""
    from autolearn.client.cli.connection import connect, only
    from autolearn.client.cli.output import print_json
    from autolearn.client.cli.run_progress import phase_of, what
    from autolearn.client.sdk.handles.predictions import PredictionHandle
    from autolearn.client.sdk.handles.runs import EvaluationHandle, TrainingHandle
    from autolearn.client.sdk.handles.studies import StudyHandle
    from autolearn.client.sdk.sessions import SessionHandle

    with connect(url, session) as to:
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

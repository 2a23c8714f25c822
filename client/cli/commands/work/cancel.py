"""`autolearn cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from autolearn.client.cli.options import SessionOption, Url
from autolearn.client.cli.output import As, Output


def cancel(
    run: Annotated[str, typer.Argument(help="A training or evaluation; the start of its id.")],
    session: SessionOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Stop a training or an evaluation of the current session."""
    from autolearn.client.cli.connection import connect, only
    from autolearn.client.cli.output import print_json
    from autolearn.client.cli.run_progress import phase_of, what
    from autolearn.schemas.rest.runs import Evaluation, Training

    with connect(url, session) as to:
        proxy = to.say_session().proxy
        evaluations = {item["id"] for item in to.every(proxy.evaluations)}
        trainings = {item["id"] for item in to.every(proxy.trainings)}
        chosen = only(run, lambda: evaluations | trainings, "run of this session")
        cancelled: Training | Evaluation
        if chosen in evaluations:
            cancelled = proxy.cancel_evaluation(chosen)
        else:
            cancelled = proxy.cancel_training(chosen)
        if output == Output.json:
            print_json(to.said)
        else:
            print(f"{what(cancelled)}: {phase_of(cancelled)}")

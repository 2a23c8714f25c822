"""Trainings that are asked for again, for `autolearn train` and `autolearn session open`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autolearn.client.cli.output import Output

if TYPE_CHECKING:
    from autolearn.client.cli.connection import Connection
    from autolearn.client.sdk.handles.runs import TrainingHandle
    from autolearn.client.sdk.sessions import SessionHandle


def trainings_of(to: Connection, given: str) -> list[TrainingHandle]:
    """Return a training, or all completed ones of an experiment.

    Raises:
        typer.BadParameter: it was imported.
        NothingSo, Problem, typer.BadParameter: as `training_owner.owner_of`.
    """
    import typer

    from autolearn.client.cli.training_owner import owner_of

    owner, training = owner_of(to, given)
    if training is None:
        found = [one for one in owner.trainings() if one.status == "completed"]
    else:
        found = [owner.training(training)]
    if any(one.data.imported for one in found):
        raise typer.BadParameter(
            f"{given} was imported: it was trained elsewhere, and cannot be trained again",
            param_hint="'--again'",
        )
    return found


def train_again(
    to: Connection,
    used: SessionHandle,
    trainings: Sequence[TrainingHandle],
    dataset: str | None,
    output: Output,
    *,
    wait: bool = True,
) -> None:
    """Ask for trainings again, wait for them, and compare them."""
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.comparison import comparison
    from autolearn.client.cli.wait import follow, require_completed

    runs = [used.train_again(one, dataset, wait=False) for one in trainings]
    if wait:
        for run in runs:
            if follow(run).status == "completed":
                run.wait()  # for what it is measured by
    found = to.client.compare([run.id for run in runs]).data
    if output == Output.json:
        print_json(to.said)
    else:
        console().print(comparison(found, None, console().width))
    for run in runs if wait else ():
        require_completed(run.data)

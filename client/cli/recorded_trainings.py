"""Fetches the records of trainings, over HTTP, for `autolearn replay retrain`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from msgspec.structs import fields, replace

from autolearn.client.cli.connection import Connection, NoSession, only
from autolearn.client.cli.exit_codes import words_of
from autolearn.client.sdk.errors import Problem
from autolearn.client.sdk.handles.runs import TrainingHandle
from autolearn.client.sdk.sessions import ExperimentHandle, SessionHandle
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.events import EvaluationRequested, TrainingRequested
from autolearn.schemas.reports.retrain import RecordedEvaluation, RecordedTraining
from autolearn.schemas.rest.runs import Evaluation, Training
from autolearn.schemas.values import DatasetRef

R = TypeVar("R", TrainingRequested, EvaluationRequested)


class NothingRecorded(AutoLearnError):
    """There is no completed training of that id."""

    title = "There is nothing to train again"
    exit_code = ExitCode.REFUSED


def recorded_of(to: Connection, given: str, into: Path) -> list[RecordedTraining]:
    """Return the records of a training, or of all trainings of an experiment.

    `given` is an id or its start: of an experiment, of a training of any experiment, or of a
    training of the current session; or it is the title of an experiment. Encrypted artifacts and
    datasets are fetched `into` a folder, where they lie in clear.

    Raises:
        NothingRecorded: there is no such thing, or the training has not completed.
        NothingSo: no title begins so, or several do.
        typer.BadParameter: it is the start of several ids.
    """
    given, session = to.find(given, "experiment"), _open_session(to)
    open_ones = [*session.trainings()] if session is not None else []
    owners = {
        training: item["id"]
        for item in to.every(to.client.experiments.list())
        for training in item["trainings"]
    }
    here = {one.id for one in open_ones}
    what = "experiment, training of one, or training of the session that is meant,"
    chosen = only(given, lambda: {*owners, *owners.values(), *here}, what)
    owner: SessionHandle | ExperimentHandle
    if chosen in here and session is not None:
        owner, trained = session, open_ones
    elif chosen in owners or chosen in owners.values():
        owner = to.experiment(owners.get(chosen, chosen))
        trained = [*owner.trainings()]
    else:
        raise NothingRecorded(
            f"{given!r} is no experiment, no training of one, and no training of the session that "
            "is meant.",
            advice="`autolearn experiment list` and `autolearn session show` have the ids.",
        )
    trainings = [one for one in trained if chosen in (owner.id, one.id)]
    ids = {one.id for one in trainings}
    evaluations = [one.data for one in owner.evaluations() if one.data.training in ids]
    found = [_fetched(one, _recorded(one.data, evaluations), into) for one in trainings]
    runs = (*(one.data for one in trainings), *evaluations)
    refs = {ref.version: ref for run in runs if (ref := run.dataset).stored}
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    for version, ref in refs.items():
        try:
            path = to.client.download_dataset(ref.name, into / version, version)
            files[version] = str(path)
        except Problem as problem:
            missing[version] = f"The dataset {ref.name} is not there: {problem.detail}"
    return [replace(one, data=files, data_missing=missing) for one in found]


def _fetched(training: TrainingHandle, one: RecordedTraining, into: Path) -> RecordedTraining:
    """Return a record with the folder of its artifact, which is fetched if it is encrypted."""
    if not one.artifact.stored:
        return one
    folder = into / training.id
    try:
        training.download(folder)
    except Problem as problem:  # the rest of the record can still be compared
        return replace(one, missing=f"{problem.title}. {problem.detail}")
    return replace(one, folder=str(folder))


def _open_session(to: Connection) -> SessionHandle | None:
    if not to.wanted and to.current.get() is None:
        return None
    try:
        return to.session()
    except NoSession as over:  # an experiment can be trained again without one
        print(words_of(over), file=sys.stderr)
        return None


def _recorded(training: Training, evaluations: Iterable[Evaluation]) -> RecordedTraining:
    """Return a training with its completed evaluations as the log has them.

    Raises:
        NothingRecorded: the training has no artifact.
    """
    if training.artifact is None:
        raise NothingRecorded(
            f"The training {training.id} has no model: it is {training.status}.",
            advice="Name a training that has completed.",
        )
    return RecordedTraining(
        request=_request_of(training, TrainingRequested),
        artifact=training.artifact,
        environment=training.environment,
        evaluations=tuple(
            _recorded_evaluation(one)
            for one in evaluations
            if one.training == training.id and one.status == "completed"
        ),
    )


def _request_of(run: Training | Evaluation, kind: type[R]) -> R:
    """Return the event that accepted a run, with the name of its dataset's file in clear."""
    names = {field.name for field in fields(kind)} & set(run.__struct_fields__)
    told = {name: getattr(run, name) for name in names}
    told["dataset"] = DatasetRef(run.dataset.name, run.dataset.version)
    return kind(run=run.id, max_attempts=1, **told)


def _recorded_evaluation(evaluation: Evaluation) -> RecordedEvaluation:
    """Return a completed evaluation as the log has it."""
    return RecordedEvaluation(
        request=_request_of(evaluation, EvaluationRequested),
        results=evaluation.results,
        environment=evaluation.environment,
        plot_data=evaluation.plot_data,
    )

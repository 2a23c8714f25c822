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
from autolearn.client.sdk.sessions import ExperimentWithRuns, SessionWithRuns
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
    owners = {
        training: item["id"]
        for item in to.every(to.client.experiments.list)
        for training in item["trainings"]
    }
    here = {training.id for training in session.trainings} if session is not None else set()
    what = "experiment, training of one, or training of the session that is meant,"
    chosen = only(given, lambda: {*owners, *owners.values(), *here}, what)
    owner: SessionWithRuns | ExperimentWithRuns
    if chosen in here and session is not None:
        owner = session
    elif chosen in owners or chosen in owners.values():
        owner = to.client.experiments.get(owners.get(chosen, chosen))
    else:
        raise NothingRecorded(
            f"{given!r} is no experiment, no training of one, and no training of the session that "
            "is meant.",
            advice="`autolearn experiment list` and `autolearn session show` have the ids.",
        )
    trainings = [one for one in owner.trainings if chosen in (owner.id, one.id)]
    evaluations = [one for one in owner.evaluations if one.training in {t.id for t in trainings}]
    found = [_recorded(one, evaluations) for one in trainings]
    found = [_fetched(to, owner, one, into) if one.artifact.stored else one for one in found]
    refs = {ref.version: ref for run in (*trainings, *evaluations) if (ref := run.dataset).stored}
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    for version, ref in refs.items():
        try:
            path = to.client.download_dataset(ref.name, into / version, version)
            files[version] = str(path)
        except Problem as problem:
            missing[version] = f"The dataset {ref.name} is not there: {problem.detail}"
    return [replace(one, data=files, data_missing=missing) for one in found]


def _fetched(
    to: Connection, owner: SessionWithRuns | ExperimentWithRuns, one: RecordedTraining, into: Path
) -> RecordedTraining:
    """Return a training with the folder of its fetched artifact."""
    training, folder = one.request.run, into / one.request.run
    try:
        if isinstance(owner, ExperimentWithRuns):
            to.client.experiments.download(owner.id, training, folder)
        else:
            to.client.session(owner.id).download(training, folder)
    except Problem as problem:  # the rest of the record can still be compared
        return replace(one, missing=f"{problem.title}. {problem.detail}")
    return replace(one, folder=str(folder))


def _open_session(to: Connection) -> SessionWithRuns | None:
    if not to.wanted and to.current.get() is None:
        return None
    try:
        return to.session().proxy.get()
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
    )

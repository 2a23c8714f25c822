"""Fetches the records of trainings, over HTTP, for `autolearn replay retrain`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from autolearn.client.cli.connection import Connection, only
from autolearn.client.sdk.errors import Problem
from autolearn.client.sdk.sessions import ExperimentWithRuns, SessionWithRuns
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.events import EvaluationRequested, TrainingRequested
from autolearn.schemas.reports.retrain import RecordedEvaluation, RecordedTraining
from autolearn.schemas.rest.runs import Evaluation, Training
from autolearn.schemas.values import DatasetRef


class NothingRecorded(AutoLearnError):
    """There is no completed training of that id."""

    title = "There is nothing to train again"
    exit_code = ExitCode.REFUSED


def recorded_of(to: Connection, given: str, into: Path) -> list[RecordedTraining]:
    """Return the records of a training, or of all trainings of an experiment.

    `given` is an id or its start: of an experiment, of a training of any experiment, or of a
    training of the present session. Encrypted artifacts and datasets are fetched `into` a folder,
    where they lie in clear.

    Raises:
        NothingRecorded: there is no such thing, or the training has not completed.
        typer.BadParameter: it is the start of several ids.
    """
    session = _open_session(to)
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
    if not to.wanted and not to.memory.exists():
        return None
    try:
        return to.session()[1]
    except Problem as problem:
        if to.wanted or problem.status >= 500:
            raise
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
        request=TrainingRequested(
            run=training.id,
            estimator=training.estimator,
            task=training.task,
            library_version=training.library_version,
            dataset=_plain(training.dataset),
            target=training.target,
            schema_hash=training.schema_hash,
            hyperparameters=training.hyperparameters,
            split=training.split,
            preprocessing=training.preprocessing,
            seed=training.seed,
            time_limit=training.time_limit,
            memory_limit=training.memory_limit,
            max_attempts=1,
            sensitive=training.sensitive,
            read=training.read,
        ),
        artifact=training.artifact,
        environment=training.environment,
        evaluations=tuple(
            _recorded_evaluation(one)
            for one in evaluations
            if one.training == training.id and one.status == "completed"
        ),
    )


def _plain(ref: DatasetRef) -> DatasetRef:
    """Return the name of a dataset's file in clear."""
    return DatasetRef(ref.name, ref.version)


def _recorded_evaluation(evaluation: Evaluation) -> RecordedEvaluation:
    """Return a completed evaluation as the log has it."""
    return RecordedEvaluation(
        request=EvaluationRequested(
            run=evaluation.id,
            training=evaluation.training,
            artifact=evaluation.artifact,
            metrics=evaluation.metrics,
            dataset=_plain(evaluation.dataset),
            held_out=evaluation.held_out,
            time_limit=evaluation.time_limit,
            memory_limit=evaluation.memory_limit,
            max_attempts=1,
            sensitive=evaluation.sensitive,
            read=evaluation.read,
            optional=evaluation.optional,
            positive=evaluation.positive,
        ),
        results=evaluation.results,
        environment=evaluation.environment,
    )

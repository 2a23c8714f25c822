"""Fetches the records of trainings, over HTTP, for `autolearn replay retrain`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec.structs import fields, replace

from autolearn.client.cli.connection import Connection
from autolearn.client.cli.training_owner import owner_of, version_in
from autolearn.client.sdk.errors import Problem
from autolearn.client.sdk.handles.runs import TrainingHandle
from autolearn.client.sdk.sessions import ExperimentHandle, SessionHandle
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.events import EvaluationRequested, TrainingRequested
from autolearn.schemas.pipelines.results import TABLE
from autolearn.schemas.reports.retrain import RecordedEvaluation, RecordedTraining
from autolearn.schemas.rest.runs import Evaluation, Training
from autolearn.schemas.values import DatasetRef

_MOST_RUNS = 10_000
"""Runs of a pipeline that are searched for a table: more are not kept."""
R = TypeVar("R", TrainingRequested, EvaluationRequested)


class NothingRecorded(AutoLearnError):
    """A training has no artifact."""

    title = "There is nothing to train again"
    exit_code = ExitCode.REFUSED


def recorded_of(to: Connection, given: str, into: Path) -> list[RecordedTraining]:
    """Return the records of a training, or of all trainings of an experiment.

    `given` is as in `owner_of`, or a version of a model as NAME@VERSION. Encrypted artifacts and
    datasets are fetched `into` a folder, where they lie in clear.

    Raises:
        NothingRecorded: a training has not completed, or was imported.
        NothingSo, Problem, typer.BadParameter: as `owner_of`.
    """
    if (named := version_in(to, given)) is not None and named.imported:
        raise _imported(given)
    owner, training = owner_of(to, given)
    trainings = [one for one in owner.trainings() if training in (None, one.id)]
    return records_of(to, owner, trainings, into, {})


def records_of(
    to: Connection,
    owner: SessionHandle | ExperimentHandle,
    trainings: Sequence[TrainingHandle],
    into: Path,
    there: Mapping[str, str],
) -> list[RecordedTraining]:
    """Return the records of some trainings of a session or experiment.

    `there` are files that were fetched before, by their versions.

    Raises:
        NothingRecorded: a training has not completed, or was imported.
    """
    ids = {one.id for one in trainings}
    evaluations = [one.data for one in owner.evaluations() if one.data.training in ids]
    found = [_fetched(one, _recorded(one.data, evaluations), into) for one in trainings]
    runs = (*(one.data for one in trainings), *evaluations)
    refs = {ref.version: ref for run in runs if (ref := run.dataset).stored or ref.folder}
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    for version, ref in refs.items():
        if version in there:
            files[version] = there[version]
            continue
        try:
            files[version] = str(_fetched_data(to, ref, into / version))
        except (Problem, NothingRecorded) as problem:
            missing[version] = f"The dataset {ref.name} is not there: {problem.detail}"
    return [replace(one, data=files, data_missing=missing) for one in found]


def _fetched_data(to: Connection, ref: DatasetRef, path: Path) -> Path:
    """Fetch a version of a dataset, or the table of a pipeline's step, PIPELINE/STEP.

    Raises:
        Problem: it is not there, or not yours.
        NothingRecorded: no run of the pipeline has the table any more.
    """
    if not ref.folder:
        return to.client.download_dataset(ref.name, path, ref.version)
    pipeline = ref.name.partition("/")[0]
    for one in to.client.pipeline_runs(pipeline=pipeline, limit=_MOST_RUNS):
        run = to.client.pipeline_run(one.id)
        for step in run.data.steps:
            artifact = step.gave.artifact
            if artifact is not None and artifact.files.get(TABLE) == ref.version:
                return run.download_file(step.name, TABLE, path)
    raise NothingRecorded(f"no run of {pipeline} that is kept has this table")


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


def _imported(what: str) -> NothingRecorded:
    return NothingRecorded(
        f"{what} was imported: it was trained elsewhere, and cannot be trained again.",
        advice="Name a version that a training here has made (autolearn model versions NAME).",
    )


def _recorded(training: Training, evaluations: Iterable[Evaluation]) -> RecordedTraining:
    """Return a training with its completed evaluations as the log has them.

    Raises:
        NothingRecorded: the training has no artifact, or was imported.
    """
    if training.imported:
        raise _imported(f"The training {training.id}")
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

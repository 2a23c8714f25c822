"""Checks requests for evaluations before they go to the log."""

from __future__ import annotations

from collections.abc import Iterable

from autolearn.api.http.problems import Problem, unknown
from autolearn.api.shared.bodies import EvaluationBody
from autolearn.api.shared.columns.model_columns import check_columns, no_training
from autolearn.api.shared.columns.sensitive_columns import sensitive_in
from autolearn.api.shared.dataset_checks import check_dataset, check_limits, known, wrong
from autolearn.api.shared.lookup import RunOwner
from autolearn.projections.queries.decrypting_reader import May
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import (
    ALL_PLOTS,
    ANOMALY_DETECTION,
    CLASSIFICATION,
    DatasetSpec,
    check_metrics,
    metric_and_class,
    plot_faults,
    plots_of,
)
from autolearn.schemas.commands import RequestEvaluation
from autolearn.schemas.datasets.meanings import meanings, number_of
from autolearn.schemas.rest.runs import TrainingRow
from autolearn.schemas.settings import WorkerSettings
from autolearn.schemas.values import RunId

_PER_CLASS = "per-class"
_NUMBERS = {"integer", "number"}


def request_evaluation(
    run: RunId,
    owner: RunOwner,
    asked: RunId,
    body: EvaluationBody,
    snapshot: Snapshot,
    most: WorkerSettings,
    may: May,
) -> RequestEvaluation:
    """Return the command for an evaluation of the training `asked`.

    The decider alone knows whether the training is completed. `may` says which datasets may be
    used.

    Raises:
        Problem: the training, a metric or the dataset is unknown, or they do not fit together.
    """
    training = snapshot.runs.training(owner.id, asked)
    if training is None:
        raise no_training(snapshot, owner, asked)
    metrics, optional = _fitting(training, body.metrics, snapshot)
    spec = None if body.dataset is None else check_dataset(snapshot, body.dataset, may)
    if body.positive is None:
        positive = _usual_class(training, spec, snapshot)
    else:
        positive = _word(body.positive)
    classes = _classes_of(metrics, positive)
    for one, pointer in classes.items():
        _check_class(training, one, pointer)
    own = snapshot.catalog.dataset(training.dataset.name, training.dataset.version)
    dataset, read = training.dataset, training.read
    specs = [] if own is None else [own.spec]
    if spec is not None:
        dataset = spec.ref
        specs.append(spec)
        if not dataset.is_content_of(training.dataset):
            read = spec.read
            check_columns(training, spec, snapshot, target=True, pointer="#/dataset")
            secret = training.target in {*training.sensitive}.union(*map(sensitive_in, specs))
            if training.task == CLASSIFICATION and not secret:
                named = [one for one in metrics if one not in optional]
                _check_classes(training, spec, classes, named, snapshot)
    elif training.imported:
        fault = (
            "the model was made elsewhere, so there are no held-out rows: name a dataset with its "
            "columns and its target (autolearn evaluate TRAINING --dataset NAME)"
        )
        raise wrong("dataset-missing", "A dataset must be named", {"#/dataset": fault})
    elif not may(dataset.name):  # its grant has ended
        raise unknown(
            "dataset", dataset.name, known(snapshot, may), "/v1/catalog/datasets", "#/dataset"
        )
    limits = check_limits(body, most)
    return RequestEvaluation(
        run=run,
        training=training.id,
        metrics=metrics,
        dataset=dataset,
        held_out=dataset.is_content_of(training.dataset),
        **limits._asdict(),
        optional=optional,
        positive=positive,
        plots=_plots(training.task, body.plots),
        baseline_model=training.baseline_model,
        sensitive=tuple(sorted({*training.sensitive}.union(*map(sensitive_in, specs)))),
        read=read,
    )


def _plots(task: str, wanted: list[str]) -> tuple[str, ...]:
    """Return the wanted plots; `all` are those of the task. Raises a problem for others."""
    named = [name for name in wanted if name != ALL_PLOTS]
    if faults := plot_faults(task, named):
        raise wrong("plot-unfit", "A plot does not fit the model", {"#/plots": "; ".join(faults)})
    return tuple(plots_of(task)) if ALL_PLOTS in wanted else tuple(dict.fromkeys(named))


def _fitting(
    training: TrainingRow, wanted: list[str] | None, snapshot: Snapshot
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the metrics to compute, and the optional ones among them.

    They are the wanted ones, and with them each class of a classification; or all that fit the
    task.

    Raises:
        Problem: one is unknown or does not fit.
    """
    offers = {row.spec.name: row.spec for row in snapshot.catalog.metrics()}
    fit = tuple(name for name, spec in offers.items() if training.task in spec.tasks)
    if wanted is None:
        fit = tuple(name for name in fit if offers[name].by_default is not False)
        return fit, fit
    methods = None if training.artifact is None else training.artifact.methods
    faults = check_metrics(training.task, wanted, offers, training.estimator, methods)
    if not faults:
        beside = tuple(name for name in (_PER_CLASS,) if name in fit and name not in wanted)
        return (*dict.fromkeys(wanted), *beside), beside
    unknown_ones = [name for name in wanted if metric_and_class(name)[0] not in offers]
    raise Problem(
        422,
        "unknown-metric" if unknown_ones else "metric-unfit",
        "There is no such metric" if unknown_ones else "A metric does not fit the model",
        "; ".join(faults) + ".",
        errors=[{"pointer": "#/metrics", "detail": fault} for fault in faults],
        known=sorted(offers),
    )


def _classes_of(metrics: Iterable[str], positive: str | None) -> dict[str, str]:
    """Return the classes that a request names, with the pointer to each."""
    named = (metric_and_class(name)[1] for name in metrics)
    found = {one: "#/metrics" for one in named if one is not None}
    return found if positive is None else {**found, positive: "#/positive"}


def _usual_class(
    training: TrainingRow, other: DatasetSpec | None, snapshot: Snapshot
) -> str | None:
    """Return the positive class of the training's dataset, if the artifact and `other` have it."""
    newest = snapshot.catalog.dataset(training.dataset.name)
    if newest is None or training.task != CLASSIFICATION or training.target in training.sensitive:
        return None
    spec, known = newest.spec, [str(label) for label in training.parameters.get("classes", ())]
    if spec.target != training.target or spec.positive not in known:
        return None
    there = () if other is None or other.target != training.target else other.classes
    return spec.positive if not there or spec.positive in there else None


def _check_class(training: TrainingRow, name: str, pointer: str) -> None:
    """Raise a problem unless metrics can be of a class."""
    classes = [str(label) for label in training.parameters.get("classes", ())]
    if training.task not in (CLASSIFICATION, ANOMALY_DETECTION):
        fault = f"{training.estimator} is for {training.task}, and has no classes"
    elif training.target is None:
        fault = "the training has no target, so there are no classes"
    elif training.target in training.sensitive:
        fault = f"the target {training.target} is sensitive, so none of its classes is named"
    elif classes and name not in classes:
        fault = f"the model has no class {cut(name)!r}; its classes are {listed(classes)}"
    else:
        return
    raise wrong("class-unknown", "There is no such class", {pointer: fault})


def _word(label: str | bool | int) -> str:
    """Return a label as text, in the form of class names."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _check_classes(
    training: TrainingRow,
    other: DatasetSpec,
    classes: dict[str, str],
    named: list[str],
    snapshot: Snapshot,
) -> None:
    """Raise a problem if another dataset has no class that the artifact knows.

    Or if it lacks one of `classes`, or has an unknown one that `named` metrics cannot have. The run
    itself checks where the classes are not known here: the dataset has another target, they are too
    many, or numbers that are not written plainly.
    """
    known = [str(label) for label in training.parameters.get("classes", ())]
    if other.target != training.target or not other.classes or not known or not _is_plain(other):
        return
    values = {one: number for one in other.classes if (number := number_of(one)) is not None}
    stand_for = meanings(other.classes, known, values)
    there = {stand_for.get(one, one) for one in other.classes}
    has = f"{other.name} has the classes {listed(sorted(other.classes))}"
    if there.isdisjoint(known):
        fault = (
            f"{has}, and the model knows none of them: it was trained on {listed(known)} (write "
            "them as in the training, or train on data like these)"
        )
        raise wrong("dataset-unfit", "The dataset does not fit the model", {"#/dataset": fault})
    for one, pointer in classes.items():
        if one not in there:
            fault = f"no row of {other.name} is of class {cut(one)!r}: {has}"
            raise wrong("class-unknown", "There is no such class", {pointer: fault})
    needs = {row.spec.name: row.spec.needs for row in snapshot.catalog.metrics()}
    unfit = [one for one in named if needs.get(one) in ("scores", "probabilities")]
    unseen = sorted(there.difference(known))
    if unseen and unfit and "#/positive" not in classes.values():
        fault = (
            f"{listed(unfit)} cannot be computed on rows with classes that the model was not "
            f"trained on, and {other.name} has {listed(unseen)}"
        )
        raise wrong("metric-unfit", "A metric does not fit the data", {"#/metrics": fault})


def _is_plain(spec: DatasetSpec) -> bool:
    """Return whether the classes of a dataset are no numbers, or plainly written ones."""
    names = [column.name for column in spec.columns]
    place = names.index(spec.target or "")
    if spec.columns[place].type not in _NUMBERS:
        return True
    how = None if spec.read is None else spec.read.formats.get(str(place))
    if how is not None and (how.thousands or how.unit):
        return False
    return all(number_of(label) is not None for label in spec.classes)

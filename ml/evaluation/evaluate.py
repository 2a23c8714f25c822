"""One evaluation: metrics of an artifact on its held-out rows, or on another dataset."""

from __future__ import annotations

import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replace_rows
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.datasets.split import digest_of_rows, folds_of
from autolearn.ml.datasets.subject import keys_of, split_rows, subject_of
from autolearn.ml.environment import environment, one_thread
from autolearn.ml.errors import InputError, numbered
from autolearn.ml.estimators.estimator import LABELS, distribution_of, methods_of
from autolearn.ml.evaluation.baseline import baseline_model
from autolearn.ml.evaluation.batches import ScoredRows, score_held_out
from autolearn.ml.evaluation.plots import FOLDS, FittedRows, PlotRows, plot
from autolearn.ml.evaluation.rows import EvaluatedRows, held_out, other, read_for, require_version
from autolearn.ml.evaluation.stored_artifact import StoredArtifact, TrainingRecord, open_model
from autolearn.ml.library_messages import words_of
from autolearn.ml.metrics.metric import Metric
from autolearn.ml.plugins import find_metric
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import (
    ANOMALY_DETECTION,
    CLASSIFICATION,
    metric_and_class,
    unanswered,
)
from autolearn.schemas.events import EvaluationRequested
from autolearn.schemas.results import EvaluationResult
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]
Report = Callable[[str], None]


def evaluate(request: EvaluationRequested, store: Artifacts, report: Report) -> EvaluationResult:
    """Compute metrics of one artifact; `report` receives the phases reading, scoring.

    Metrics of `optional` that cannot be computed are left out, with the reason. Raises InputError
    when dataset, metrics and artifact do not fit together, or another metric cannot be computed.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    one_thread()
    metrics = {name: find_metric(name) for name in request.metrics}
    report("reading")
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        model = open_model(store, request.artifact, Path(scratch))
        for metric in metrics.values():
            _check_task(metric, model.training)
        file = store.fetch_dataset(request.dataset, Path(scratch))
        scored: ScoredRows | None = None
        if request.held_out and model.training.batches:
            require_version(request.dataset, model.training)
            scored = score_held_out(
                model, file, request.read, metrics.values(), request.memory_limit
            )
            table = DatasetTable({}, {}, 0)
        else:
            table = read_for(model, file, request.read)

    if scored is not None:
        rows = scored.rows
    elif request.held_out:
        rows = held_out(request.dataset, model, table)
    elif LABELS in methods_of(model.pipeline):
        raise InputError(
            f"{model.training.estimator} assigns no rows but those that it was fitted on",
            advice="Evaluate it without another dataset, or train it on that one.",
        )
    else:
        truth, by = bool(request.plots), request.held_out_by
        rows = other(model, table, metrics.values(), request.sensitive, truth=truth, by=by)
    report("scoring")
    target = model.schema.target
    secret = target is not None and (target.sensitive or target.name in request.sensitive)
    training = model.training
    with heard():
        answers = Answers(
            model.pipeline,
            rows.features,
            training.task,
            training.estimator,
            known={} if scored is None else scored.known,
        )
        found = _score(metrics, answers, rows, request)
        baseline = _baseline(model, metrics, rows, request, found)
    if secret:
        found.values = {name: _unnamed(value) for name, value in found.values.items()}
    plots = {}
    if request.plots:
        report("plotting")
        fitted = None
        if request.held_out and scored is None:
            fitted = partial(_fitted_rows, model, table)
        elif scored is not None and len(scored.shown.features) < len(rows.features):
            told = f"plots are of {len(scored.shown.features):,} of the {len(rows.features):,} rows"
            rows = replace_rows(rows, notes=(*rows.notes, told))
        shown = rows if scored is None else scored.shown
        plots = _plots(request, model, shown, fitted, found.left_out, secret=secret)
    return EvaluationResult(
        results=found.values,
        environment=environment(*distribution_of(model.estimator.factory)),
        rows=len(rows.features),
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu_started,
        left_out=found.left_out,
        averages=found.averages,
        unseen=rows.unseen,
        notes=rows.notes,
        plot_data=plots,
        baseline=baseline.values,
        baseline_prediction=None if secret else baseline.prediction,
        not_better=baseline.not_better,
        rows_sha256=digest_of_rows(np.sort(rows.numbers)),
    )


def _plots(
    request: EvaluationRequested,
    model: StoredArtifact,
    rows: EvaluatedRows,
    fitted: Callable[[], FittedRows] | None,
    left_out: dict[str, str],
    *,
    secret: bool,
) -> dict[str, JsonValue]:
    """Return the data of the plots; the reasons for those that there are not are left out."""
    training, found = model.training, dict[str, JsonValue]()
    if rows.truth is None:
        left_out |= dict.fromkeys(request.plots, "the model has no target to compare with")
        return found
    shown = PlotRows(
        rows.features,
        rows.truth,
        training.task,
        training.seed,
        fitted,
        frozenset(column.name for column in model.schema.columns if column.sensitive)
        | frozenset(request.sensitive),
        secret,
    )
    for name in request.plots:
        try:
            found[name] = plot(name, model.pipeline, shown)
        except InputError as error:
            left_out[name] = error.quiet if secret else error.detail
    return found


def _fitted_rows(model: StoredArtifact, table: DatasetTable) -> FittedRows:
    """Return the rows on which an artifact was fitted, of its own dataset. Raises InputError."""
    training = model.training
    names = [column.name for column in model.schema.columns]
    subject = subject_of(table, training.target, training.task, names)
    rows = split_rows(subject, table, training.task, training.split, training.seed).train
    assert subject.answers is not None, "rows with the truth have a target"
    truth = subject.answers[rows]
    if training.task == CLASSIFICATION:
        truth = truth.astype(str)
    labels = truth if training.task == CLASSIFICATION and training.split.stratify else None
    split = msgspec.structs.replace(training.split, folds=FOLDS)
    keys = keys_of(table, split, rows)
    folds = list(folds_of(labels, split, training.seed, keys, len(rows)))
    return FittedRows(subject.features.iloc[rows], truth, folds)


def _check_task(metric: Metric, training: TrainingRecord) -> None:
    """Raise InputError unless the metric fits the artifact's task."""
    if training.task not in metric.tasks:
        raise InputError(
            f"{metric.name} is for {' and '.join(metric.tasks)}, and {training.estimator} is for "
            f"{training.task}",
            advice="Choose a metric of that task.",
        )


@dataclass
class _MetricValues:
    """The outcome by metric: the value, or why there is none; and the aggregation of an average."""

    values: dict[str, JsonValue] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    averages: dict[str, str] = field(default_factory=dict)


def _score(
    metrics: Mapping[str, Metric],
    answers: Answers,
    rows: EvaluatedRows,
    request: EvaluationRequested,
) -> _MetricValues:
    """Compute each metric by its name, such as recall or recall:yes.

    Raises InputError when a required one cannot be computed.
    """
    found = _MetricValues()
    common = request.positive or answers.anomaly(rows.truth)
    if request.positive is not None:
        answers.check_class(request.positive)
    for name, metric in metrics.items():
        own = metric_and_class(name)[1]
        of_class = (own or common) if metric.positive is not None else None
        try:
            found.values[name] = _value_of(metric, answers, rows, of_class)
        except MemoryError:
            raise
        except Exception as error:
            if name not in request.optional and not isinstance(error, InputError):
                raise
            found.left_out[name] = _reason_of(error, secret=bool(request.sensitive))
        else:
            if of_class is None and metric.average:
                found.averages[name] = metric.average
            elif of_class is not None and own is None:
                secret = request.positive is None and bool(request.sensitive)
                found.averages[name] = "of the rarest class" if secret else f"of class {of_class}"
    if missed := [one for one in found.left_out if one not in request.optional]:
        told = ", ".join(f"{n} {v:.4f}" for n, v in found.values.items() if isinstance(v, float))
        raise InputError(
            "; ".join(f"{name} cannot be computed: {found.left_out[name]}" for name in missed),
            advice="Leave it out, or name no metrics: then those that cannot be computed are left "
            "out." + (f" What can be: {told}." if told else ""),
        )
    return found


class _BaselineScores(NamedTuple):
    """The results of the baseline, the one value that it predicts, and the results not above."""

    values: dict[str, JsonValue] = {}
    prediction: JsonValue = None
    not_better: tuple[str, ...] = ()


def _baseline(
    model: StoredArtifact,
    metrics: Mapping[str, Metric],
    rows: EvaluatedRows,
    request: EvaluationRequested,
    found: _MetricValues,
) -> _BaselineScores:
    """Measure the baseline by the scalar metrics of a target that were found."""
    if request.baseline_model is None or rows.truth is None:
        return _BaselineScores()
    wanted = {
        name: metric
        for name, metric in metrics.items()
        if name in found.values and metric.result == "scalar" and metric.needs != "features"
    }
    classes = [str(one) for one in getattr(model.pipeline, "classes_", ())]
    fitted = baseline_model(request.baseline_model, classes)
    if fitted is None:
        return _BaselineScores()
    answers = Answers(fitted, rows.features, model.training.task, "dummy")
    values = _score(wanted, answers, rows, replace(request, optional=tuple(wanted))).values
    worse = (
        name
        for name, value in values.items()
        if (metrics[name].greater_is_better is True and found.values[name] <= value)
        or (metrics[name].greater_is_better is False and found.values[name] >= value)
    )
    return _BaselineScores(values, fitted.predict([[0.0]])[0].item(), tuple(worse))


def _reason_of(error: Exception, *, secret: bool) -> str:
    """Return why a metric could not be computed; without words of others that may have values."""
    if isinstance(error, InputError):
        return error.quiet if secret else error.detail
    return type(error).__name__ if secret else words_of(error)


def _value_of(
    metric: Metric, answers: Answers, rows: EvaluatedRows, of_class: str | None
) -> JsonValue:
    """Return a metric's value, of one class if it is named. Raises InputError."""
    given: tuple[Any, ...]
    answers.check(metric)
    if metric.needs == "features":
        given = (answers.transformed(), answers.predicted())
    elif rows.truth is None:
        raise InputError(f"{metric.name} compares with a target, and these rows have none")
    elif metric.positive is not None and of_class is not None:
        answers.check_class(of_class)
        said = answers.of_class(of_class, metric.needs)
        return _finite(metric, metric.positive(rows.truth == of_class, said))
    elif answers.anomalies:
        raise InputError(
            f"{metric.name} needs anomalies among the rows, and all of them have the same label",
            advice="Name the class of anomalies, such as recall:fraud.",
        )
    elif metric.needs == "scores":
        given = (rows.truth, answers.scores(), answers.classes())
    elif metric.needs == "probabilities":
        given = (rows.truth, answers.probabilities(), answers.classes())
    else:
        given = (rows.truth, answers.predicted())
    if len(given) > 2:
        _check_known(given[0], given[2])
    value = metric.compute(*given)
    return value if metric.result != "scalar" else _finite(metric, value)


def _finite(metric: Metric, value: float) -> float:
    if not math.isfinite(value):
        raise InputError(f"{metric.name} is undefined on these rows: it comes out as {value}")
    return float(value)


def _check_known(truth: Array, classes: Collection[str]) -> None:
    """Raise InputError when rows have a class that the artifact does not know."""
    strange = sorted(set(truth.tolist()) - set(classes))
    if strange:
        shown = ", ".join(map(cut, strange[:5]))
        raise InputError(
            f"the rows have classes that the model was not trained on: {shown}",
            advice="Choose metrics of predictions, such as accuracy, or train on these classes.",
            quiet=f"the rows have {len(strange)} classes that the model was not trained on",
        )


def _unnamed(value: JsonValue) -> JsonValue:
    if isinstance(value, Mapping):
        return {"labels": numbered(value["labels"]), "matrix": value["matrix"]}
    if isinstance(value, list):
        return [{**line, "class": name} for line, name in zip(value, numbered(value), strict=True)]
    return value


def fold_scores(
    pipeline: Any,
    features: pd.DataFrame,
    truth: Array | None,
    task: str,
    estimator: str,
    metrics: Mapping[str, Metric],
) -> dict[str, float]:
    """Return the scalar metrics of a fitted pipeline on rows, without those that are undefined.

    `metrics` are by their names, such as recall or recall:yes.

    Raises InputError when it predicts nothing for them.
    """
    if LABELS in methods_of(pipeline):
        raise InputError(
            f"{estimator} assigns no rows but those that it was fitted on, so it has no folds",
            advice="Train it without folds.",
        )
    answers = Answers(pipeline, features, task, estimator)
    rows = EvaluatedRows(features, truth, np.arange(len(features)))
    found: dict[str, float] = {}
    with heard():
        for name, metric in metrics.items():
            of_class = metric_and_class(name)[1] or answers.anomaly(truth)
            try:
                found[name] = _value_of(metric, answers, rows, of_class)
            except (InputError, ValueError):  # undefined on these rows, such as without a class
                continue
    return found


class Answers:
    """The predictions for rows, each computed on first use."""

    def __init__(
        self,
        pipeline: Any,
        features: pd.DataFrame,
        task: str,
        estimator: str,
        ready: Array | None = None,
        known: Mapping[str, Array] = MappingProxyType({}),
    ) -> None:
        """Take the features, or what the estimator gets for them if it is `ready`.

        `known` are results of the estimator's methods.
        """
        self._pipeline, self._features, self._ready = pipeline, features, ready
        self._task, self._estimator = task, estimator
        self.anomalies = task == ANOMALY_DETECTION
        self._known: dict[str, Array] = {**known}

    def classes(self) -> list[str]:
        """Return the classes in the order of the columns of scores and probabilities."""
        return [str(label) for label in self._pipeline.classes_]

    def check_class(self, name: str) -> None:
        """Raise InputError unless the artifact knows a class, if it learns any."""
        if self.anomalies:
            return
        classes = self.classes()
        if name not in classes:
            raise InputError(
                f"the model has no class {cut(name)!r}",
                advice=f"Its classes are {listed(classes)}.",
                quiet="the model has no such class",
            )

    def anomaly(self, truth: Array | None) -> str | None:
        """Return the class of anomalies, the rarest of several; None for another task."""
        rows: Counter[str] = Counter(truth.tolist() if self.anomalies and truth is not None else ())
        return min(rows, key=lambda label: (rows[label], label)) if len(rows) > 1 else None

    def of_class(self, name: str, needs: str) -> Array:
        """Return which rows were taken for a class, or their scores for it.

        In the detection of anomalies the class is that of the anomalies.
        """
        if self.anomalies:
            return self.scores() if needs == "scores" else np.equal(self.predicted(), -1)
        if needs == "prediction":
            return np.equal(self.predicted(), name)
        values = self.scores() if needs == "scores" else self.probabilities()
        column: Array = values[:, self.classes().index(name)]
        return column

    def check(self, metric: Metric) -> None:
        """Raise InputError unless the artifact has the predictions that a metric needs."""
        methods = methods_of(self._pipeline)
        if lacks := unanswered(metric.name, metric.needs, self._estimator, methods):
            raise InputError(lacks, advice="Choose another metric, or another model.")

    def predicted(self) -> Array:
        """Return a label (string) or number per row."""
        if LABELS in methods_of(self._pipeline):
            return np.asarray(self._pipeline[-1].labels_)
        predicted = self._once("predict")
        return predicted.astype(str) if self._task == CLASSIFICATION else predicted

    def transformed(self) -> Array:
        """Return the features after preprocessing."""
        return np.asarray(self._prepared())

    def probabilities(self) -> Array:
        """Return the probabilities, one row per row and one column per class."""
        return self._once("predict_proba")

    def scores(self) -> Array:
        """Return probabilities, or else decision values, per class.

        Of the detection of anomalies, one number per row, which is higher for stranger rows.
        Probabilities come first: the decision values of a multinomial estimator only compare the
        classes of one row, and say little about which row is more of a class.
        """
        if hasattr(self._pipeline, "predict_proba"):
            return self.probabilities()
        values = self._once("decision_function")
        if self.anomalies:
            return -values  # the library's are higher for normal rows
        return np.column_stack([-values, values]) if values.ndim == 1 else values

    def _once(self, method: str) -> Array:
        if method not in self._known:
            if hasattr(self._pipeline, "steps"):
                found = getattr(self._pipeline[-1], method)(self._prepared())
            else:  # the baseline looks at no feature
                found = getattr(self._pipeline, method)(self._features)
            self._known[method] = np.asarray(found)
        return self._known[method]

    def _prepared(self) -> Any:
        """Return the features after preprocessing, which is done once for all methods."""
        if self._ready is None:
            self._ready = self._pipeline[:-1].transform(self._features)
        return self._ready

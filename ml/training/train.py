"""One training: from a request to an artifact in the store.

The folder holds `model.skops`, `schema.json`, `profile.json`, `example.json`, `environment.json`,
`training.json` (the request, and which rows were held out) and `plan.json` (how the plan compares
with scikit-learn for the held-out rows). The same request in the same
environment gives the same bytes, so the same digest.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from sklearn.pipeline import Pipeline

from autolearn.artifacts.datasets.profile import schema_hash
from autolearn.artifacts.datasets.table import read_table
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.datasets.row_batches import types_in
from autolearn.ml.datasets.split import folds_of
from autolearn.ml.datasets.subject import check_columns, keys_of, split_rows, subject_of, weights_of
from autolearn.ml.environment import environment, one_thread
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import distribution_of, methods_of
from autolearn.ml.evaluation.baseline import baseline_of
from autolearn.ml.models import skops_file
from autolearn.ml.plans.held_out_check import PLAN, checked
from autolearn.ml.plugins import find_estimator, find_metric, is_ours
from autolearn.ml.training.artifact_files import put_artifact, training_record
from autolearn.ml.training.batches.train import train_in_batches
from autolearn.ml.training.calibrate import adjusted
from autolearn.ml.training.cross_validate import CrossValidation, cross_validate
from autolearn.ml.training.feature_profile import example, feature_profile, score_profile
from autolearn.ml.training.fit import TrainingRows, build_pipeline, fitted
from autolearn.ml.training.learned_parameters import learned
from autolearn.ml.training.preprocess import check_words, name_apart
from autolearn.ml.training.row_features import steps_of
from autolearn.ml.training.row_operations import rows_to_fit
from autolearn.schemas.bounds import listed
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.feature_columns import features_of
from autolearn.schemas.results import TrainingResult
from autolearn.schemas.values import JsonValue
from autolearn.schemas.workers.cluster import needs_cluster

Report = Callable[[str], None]


def train(request: TrainingRequested, store: Artifacts, report: Report) -> TrainingResult:
    """Train an estimator, store the artifact.

    `report` receives the phases reading, fitting, storing. Raises InputError when the request does
    not fit the data; errors of the fit pass through.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    one_thread()
    random.seed(request.seed)
    np.random.seed(request.seed)
    estimator = find_estimator(request.estimator)
    if estimator.task != request.task:
        raise InputError(f"{request.estimator} is for {estimator.task}, not for {request.task}")
    if needs_cluster(request.estimator):
        _check_is_ours(request)

    report("reading")
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        file = store.fetch_dataset(request.dataset, Path(scratch))
        if request.batches:
            if request.steps:
                raise InputError(
                    "a training in batches does no steps: give it the table after them"
                )
            types = types_in(file, request.read)
            _check_schema(request, types)
            chosen = features_of(types, request.target, request.features, request.left_out)
            wanted = {name: types[name] for name in chosen}
            check_columns(wanted, types, request.target, request.task)
            began = started, cpu_started
            return train_in_batches(request, estimator, file, wanted, store, report, began)
        table = read_table(file, request.read, written=[request.target or ""])
    _check_schema(request, table.types)
    steps, names = (
        None,
        features_of(table.types, request.target, request.features, request.left_out),
    )
    if request.steps:
        steps = steps_of(request, table)
        names, table = steps.raw, steps.table
    subject = subject_of(table, request.target, request.task, names)
    parts = split_rows(subject, table, request.task, request.split, request.seed)
    rows = TrainingRows(
        subject.features.iloc[parts.train],
        None if subject.answers is None else subject.answers[parts.train],
        weights_of(table, request.weight, parts.train),
        keys_of(table, request.split, parts.train),
    )

    def fit(some: TrainingRows, progress: Report | None = None) -> Pipeline:
        """Return a new pipeline, fitted on rows."""
        types = subject.types if steps is None else steps.features
        pipeline = build_pipeline(
            request, types, estimator, None if steps is None else steps.transformer
        )
        return fitted(request, pipeline, some, progress)

    def prepared(some: TrainingRows) -> tuple[TrainingRows, dict[str, JsonValue]]:
        """Drop repeated rows and balance classes, as requested."""
        return rows_to_fit(some, request.preprocessing, request.task, request.seed)

    def fit_prepared(some: TrainingRows) -> Pipeline:
        return fit(prepared(some)[0])

    def fit_and_adjust(some: TrainingRows) -> Pipeline:
        return adjusted(request, fit_prepared(some), some, fit_prepared).pipeline

    if steps is None:
        check_words(rows.features, subject.types, request.preprocessing, request.memory_limit)
    else:
        made = steps.transformer.transform(rows.features)
        check_words(made, steps.features, request.preprocessing, request.memory_limit)
    crossed = CrossValidation({}, [])
    if request.split.folds:
        report("cross-validating")
        labels = rows.answers if request.task == CLASSIFICATION and request.split.stratify else None
        crossed = cross_validate(
            rows,
            folds_of(labels, request.split, request.seed, rows.keys, len(parts.train)),
            fit_and_adjust,
            {name: find_metric(name) for name in request.fold_metrics},
            task=request.task,
            estimator=request.estimator,
            medians=request.medians,
        )
    report("fitting")
    with heard() as said:
        to_fit, counts = prepared(rows)
        fit_started = time.perf_counter()
        plain = fit(to_fit, report)
        if request.calibrate or request.threshold:
            report("validating")
        ready = adjusted(request, plain, rows, fit_prepared)
        pipeline = ready.pipeline
        fit_seconds = time.perf_counter() - fit_started
        name_apart(pipeline["preprocess"])

        report("storing")
        held_out = subject.features.iloc[parts.test]
        secret = request.target in request.sensitive
        scores = score_profile(pipeline, held_out, request.task, secret=secret)
    with heard():
        plan = checked(pipeline, held_out)
    used = environment(*distribution_of(estimator.factory))
    files: dict[str, JsonValue] = {
        "schema.json": subject.schema(request),
        "profile.json": {
            "features": feature_profile(rows.features, request.sensitive),
            "scores": scores,
        },
        "example.json": example(held_out, request.sensitive),
        "environment.json": used,
        PLAN: plan,
        "training.json": training_record(
            request, len(parts.train), len(parts.test), parts.fingerprint
        ),
    }
    if crossed.record:
        files["folds.json"] = crossed.record
    artifact = put_artifact(store, files, skops_file.dump(pipeline, estimator.allowed_types()))
    return TrainingResult(
        artifact=replace(artifact, methods=methods_of(pipeline)),
        parameters=learned(
            pipeline, said, request.sensitive, secret=secret, threshold=ready.threshold
        )
        | _without_target(table.rows - len(subject.rows))
        | counts,
        environment=used,
        rows_train=len(parts.train),
        rows_test=len(parts.test),
        fit_seconds=fit_seconds,
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu_started,
        cross_validation=crossed.scores,
        baseline_model=None
        if secret and request.task == REGRESSION
        else baseline_of(rows.answers, rows.weights, request.task),
    )


def _without_target(rows: int) -> dict[str, JsonValue]:
    """Describe the rows that could not be used, because they have no target."""
    return {"rows_without_target": rows} if rows else {}


def _check_is_ours(request: TrainingRequested) -> None:
    """Raise InputError for code of a package, which has no place in a process that connects."""
    metrics = [one for one in request.fold_metrics if not is_ours(find_metric(one))]
    steps = [one.function for one in request.steps if one.package not in ("", "autolearn")]
    if metrics or steps:
        raise InputError(
            f"{request.estimator} learns on a Dask cluster, and {listed(metrics + steps)} is a "
            "package's own: no such code runs where a run may connect",
            advice="Leave it out of this training, or choose lightgbm.",
        )


def _check_schema(request: TrainingRequested, types: Mapping[str, str]) -> None:
    """Raise InputError when the file does not have the agreed columns."""
    if request.schema_hash and schema_hash(types.items()) != request.schema_hash:
        raise InputError(
            "the dataset's columns are not those for which the training was accepted",
            advice="Register the dataset again, and ask for the training again.",
        )

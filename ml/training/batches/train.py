"""One training of more rows than the memory holds.

The file is read once to learn the preprocessing, and then once for each pass of the estimator, in
batches of rows whose number depends on the columns alone: the same request gives the same bytes.
The artifact has the files of any other.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from sklearn.pipeline import Pipeline

from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.datasets.row_batches import RowBatches, UsableRows, rows_of_batch
from autolearn.ml.environment import environment
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import Estimator, distribution_of, methods_of
from autolearn.ml.library_messages import words_of
from autolearn.ml.models import skops_file
from autolearn.ml.plans.estimator_input import EstimatorInput
from autolearn.ml.plans.held_out_check import PLAN, checked
from autolearn.ml.training.artifact_files import put_artifact, training_record
from autolearn.ml.training.batches.fit import Learned, fit_in_batches, passes_of
from autolearn.ml.training.batches.preprocess import exact_scales, fit_preprocessor
from autolearn.ml.training.batches.statistics import Statistics
from autolearn.ml.training.feature_profile import example, feature_profile, score_profile
from autolearn.ml.training.fit import check_classes
from autolearn.ml.training.learned_parameters import learned
from autolearn.ml.training.preprocess import name_apart, preprocessor, selector
from autolearn.schemas.catalog import CLASSIFICATION, MOST_CLASSES, REGRESSION
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.results import TrainingResult
from autolearn.schemas.training.batches import unfit_for_batches
from autolearn.schemas.values import Baseline, JsonValue

Array = np.ndarray[Any, Any]
Report = Callable[[str], None]

_REPORTED = 0.5
"""Seconds between two reports of the rows that are read."""
_BATCH_STATE = ("labels_", "inertia_")
"""What an estimator says of the last batch alone."""


def train_in_batches(
    request: TrainingRequested,
    estimator: Estimator,
    file: Path,
    types: dict[str, str],
    store: Artifacts,
    report: Report,
    started: tuple[float, float],
) -> TrainingResult:
    """Train on the columns of these `types` in a file, and store the artifact.

    `started` are the seconds of the clock and of the processor at which the run began. Raises
    InputError when the request does not fit the data, or cannot be done in batches.
    """
    training = _Training(request, estimator, file, types, report)
    with heard() as said:
        found = training.read_statistics()
        fit_started = time.perf_counter()
        pipeline, counts = training.fit(found)
        fit_seconds = time.perf_counter() - fit_started
        name_apart(pipeline[0])
        report("storing")
        sample, shown = found.sample.rows(), found.shown.rows()
        assert sample is not None, "there are training rows"
        assert shown is not None, "there are held-out rows"
        secret = request.target in request.sensitive
        scores = score_profile(pipeline, shown.features, request.task, secret=secret)
    with heard():
        plan = checked(pipeline, shown.features)
    used = environment(*distribution_of(estimator.factory))
    files: dict[str, JsonValue] = {
        "schema.json": {
            "columns": list(found.columns(request.sensitive, MOST_CLASSES)),
            "target": training.target(found),
        },
        "profile.json": {
            "features": feature_profile(sample.features, request.sensitive),
            "scores": scores,
        },
        "example.json": example(shown.features, request.sensitive),
        "environment.json": used,
        PLAN: plan,
        "training.json": training_record(
            request, found.rows_train, found.rows_test, training.held_out.hexdigest()
        ),
    }
    artifact = put_artifact(store, files, skops_file.dump(pipeline, estimator.allowed_types()))
    without = training.rows.without_target
    return TrainingResult(
        artifact=replace(artifact, methods=methods_of(pipeline)),
        parameters=learned(pipeline, said, request.sensitive, secret=secret)
        | ({"rows_without_target": without} if without else {})
        | counts,
        environment=used,
        rows_train=found.rows_train,
        rows_test=found.rows_test,
        fit_seconds=fit_seconds,
        seconds=time.perf_counter() - started[0],
        cpu_seconds=time.process_time() - started[1],
        baseline_model=None if secret and request.task == REGRESSION else _baseline(found, request),
    )


class _Training:
    """The readings of one training."""

    def __init__(
        self,
        request: TrainingRequested,
        estimator: Estimator,
        file: Path,
        types: dict[str, str],
        report: Report,
    ) -> None:
        if not estimator.learns_in_batches:
            raise InputError(f"{request.estimator} needs all rows at once: it learns in no batches")
        for _, fault in unfit_for_batches(
            request.split, request.preprocessing, types, request.calibrate, request.threshold
        ):
            raise InputError(fault, advice="Train without batches, or without this.")
        self.request, self.types, self.report = request, types, report
        self.estimator = estimator.build(request.hyperparameters, seed=request.seed)
        self.rows = RowBatches(
            file,
            request.read,
            types,
            request.target,
            request.task,
            request.split,
            request.seed,
            request.weight,
        )
        self.labels = request.task == CLASSIFICATION
        self.learns_target = request.task in (CLASSIFICATION, REGRESSION)
        self.unfitted = preprocessor(types, request.preprocessing, request.task, request.seed)
        self.scales = exact_scales(self.unfitted)
        self.held_out = hashlib.sha256()
        self.told = time.monotonic()

    def tell(self, what: str) -> None:
        """Report how many rows are read, twice a second."""
        if time.monotonic() - self.told > _REPORTED:
            self.told = time.monotonic()
            self.report(f"{what}, {self.rows.rows:,} rows")

    def read_statistics(self) -> Statistics:
        """Read all rows for the first time. Raises InputError."""
        how = self.request.preprocessing
        encoded = [
            name for name, kind in self.types.items() if how.of(name, kind).encode != "tf-idf"
        ]
        found = Statistics(self.types, encoded, self.request.seed)
        for batch in self.rows.batches(rows_of_batch(len(self.types))):
            found.add(batch, labels=self.labels and batch.answers is not None)
            self.held_out.update(batch.numbers[batch.held_out].astype("<i8").tobytes())
            fitted = batch.features[~batch.held_out]
            for one in self.scales.values():
                one.add(fitted)
            self.tell("reading")
        self._check(found)
        return found

    def _check(self, found: Statistics) -> None:
        request = self.request
        if not found.rows_train and not found.rows_test:
            raise InputError(f"the target {request.target} is missing in every row")
        if not found.rows_train or not found.rows_test:
            raise InputError(
                f"the split leaves {found.rows_train:,} rows to train on and "
                f"{found.rows_test:,} held out",
                advice="Choose another fraction, another column, or train without batches.",
            )
        if self.labels:
            check_classes([*found.classes], found.rows_train, request)
        if request.weight is not None and not found.weight_sum > 0:
            raise InputError(f"the weights in {request.weight} are all 0")

    def fit(self, found: Statistics) -> tuple[Pipeline, dict[str, JsonValue]]:
        """Return the fitted pipeline, and counts for the learned parameters. Raises InputError."""
        request, estimator = self.request, self.estimator
        try:
            first = fit_preprocessor(self.unfitted, found, self.scales)
            steps: list[tuple[str, Any]] = [("preprocess", first)]
            sample = found.sample.rows()
            assert sample is not None, "there are training rows"
            chosen = selector(request.preprocessing, request.task)
            if chosen is not None:
                chosen.fit(first.transform(sample.features), sample.answers)
                steps.append(("select", chosen))
            ready = EstimatorInput(Pipeline([*steps, ("estimator", "passthrough")]))
            classes = np.array(sorted(found.classes)) if self.labels else None
            of_class, counts = self._class_weights(found)

            def taken(rows: UsableRows) -> Learned:
                features = ready.always(rows.features)
                weights = rows.weights
                if of_class is not None and classes is not None and rows.answers is not None:
                    weights = of_class[np.searchsorted(classes, rows.answers)]
                    weights = weights if rows.weights is None else weights * rows.weights
                return Learned(features, rows.answers if self.learns_target else None, weights)

            some = taken(sample)
            width = rows_of_batch(max(len(self.types), some.features.shape[1]))

            def read() -> Iterator[Learned]:
                for batch in self.rows.batches(width):
                    fitted = batch.take(~batch.held_out)
                    self.tell(self.phase)
                    if len(fitted.numbers):
                        yield taken(fitted)

            passes = fit_in_batches(estimator, read, some, classes, self._next_pass)
        except ValueError as error:
            what = f"{request.estimator} cannot learn from these {found.rows_train:,} rows with "
            what += "these settings"
            raise InputError(
                f"{what}: {words_of(error).rstrip('.')}",
                advice="Choose other hyperparameters, which `autolearn catalog estimators "
                f"{request.estimator}` has, or other data.",
                quiet=what,
            ) from error
        if hasattr(estimator, "n_iter_"):
            estimator.n_iter_ = passes
        for name in _BATCH_STATE:
            if hasattr(estimator, name):
                delattr(estimator, name)
        steps.append(("estimator", estimator))
        return Pipeline(steps), counts | {"passes": passes}

    def _next_pass(self, number: int) -> None:
        most = passes_of(self.estimator)
        self.phase = f"fitting, pass {number:,} of at most {most:,}" if most > 1 else "fitting"
        self.report(self.phase)

    def _class_weights(self, found: Statistics) -> tuple[Array | None, dict[str, JsonValue]]:
        """Return the weight of each class, in their order, if they are balanced."""
        if not self.labels or self.request.preprocessing.balance != "weights":
            return None, {}
        counts = np.array([found.classes[label] for label in sorted(found.classes)])
        each = counts.sum() / (len(counts) * counts)
        return each, {"class_weights": each.tolist()}

    def target(self, found: Statistics) -> dict[str, JsonValue] | None:
        """Return the target in `schema.json`."""
        request = self.request
        if request.target is None:
            return None
        target: dict[str, JsonValue] = {"name": request.target, "task": request.task}
        if request.target in request.sensitive:
            target["sensitive"] = True
        elif self.labels:
            target["classes"] = sorted(found.classes_anywhere)
        return target


def _baseline(found: Statistics, request: TrainingRequested) -> Baseline | None:
    """Return the share of each class, in their order, or the mean of the target."""
    if request.task == CLASSIFICATION:
        weights = [found.class_weights[label] for label in sorted(found.classes)]
        return tuple(one / found.weight_sum for one in weights)
    if request.task == REGRESSION:
        return found.answer_sum / found.weight_sum
    return None

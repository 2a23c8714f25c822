"""One training: from a request to an artifact in the store.

The folder holds `model.skops`, `schema.json`, `profile.json`, `example.json`, `environment.json`
and `training.json` (the request, and which rows were held out). The same request in the same
environment gives the same bytes, so the same digest.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec.structs import replace
from sklearn.pipeline import Pipeline

from autolearn.artifacts.datasets.profile import schema_hash
from autolearn.artifacts.datasets.table import DatasetTable, read_table
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.ml.captured_warnings import heard
from autolearn.ml.environment import environment, one_thread
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import distribution_of, methods_of
from autolearn.ml.library_messages import words_of
from autolearn.ml.models import skops_file
from autolearn.ml.plugins import find_estimator
from autolearn.ml.training.feature_profile import example, feature_profile, score_profile
from autolearn.ml.training.learned_parameters import learned
from autolearn.ml.training.preprocess import name_apart, preprocessor
from autolearn.ml.training.split import SplitRows, part
from autolearn.schemas.bounds import LONGEST_NAME, cut
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.feature_columns import features_of
from autolearn.schemas.results import TrainingResult
from autolearn.schemas.values import JsonValue, Split

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]
Report = Callable[[str], None]

_MOST_CLASSES = 1_000


def train(request: TrainingRequested, store: Artifacts, report: Report) -> TrainingResult:
    """Train an estimator, store the artifact.

    `report` receives the phases reading, fitting, storing. Raises InputError when the request does
    not fit the data; errors of the fit pass through.
    """
    started = time.perf_counter()
    one_thread()
    random.seed(request.seed)
    np.random.seed(request.seed)
    estimator = find_estimator(request.estimator)
    if estimator.task != request.task:
        raise InputError(f"{request.estimator} is for {estimator.task}, not for {request.task}")

    report("reading")
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        file = store.fetch_dataset(request.dataset, Path(scratch))
        table = read_table(file, request.read, written=[request.target or ""])
    _check_schema(request, table)
    names = features_of(table.types, request.target, request.features, request.left_out)
    subject = subject_of(table, request.target, request.task, names)
    parts = part(
        subject.rows, subject.strata(request.task, request.split), request.split, request.seed
    )

    report("fitting")
    pipeline = Pipeline(
        [
            ("preprocess", preprocessor(subject.types, request.preprocessing)),
            ("estimator", estimator.build(request.hyperparameters, seed=request.seed)),
        ]
    )
    features = subject.features.iloc[parts.train]
    answers = None if subject.answers is None else subject.answers[parts.train]
    if request.task == CLASSIFICATION and answers is not None:
        _check_classes(answers, request)
    with heard() as said:
        fit_started = time.perf_counter()
        _fit(pipeline, features, answers, request.estimator)
        fit_seconds = time.perf_counter() - fit_started
        name_apart(pipeline[0])

        report("storing")
        held_out = subject.features.iloc[parts.test]
        secret = request.target in request.sensitive
        scores = score_profile(pipeline, held_out, request.task, secret=secret)
    used = environment(*distribution_of(estimator.factory))
    files = {
        "schema.json": subject.schema(request),
        "profile.json": {
            "features": feature_profile(features, request.sensitive),
            "scores": scores,
        },
        "example.json": example(held_out, request.sensitive),
        "environment.json": used,
        "training.json": _record(request, parts),
    }
    artifact = _put(store, files, skops_file.dump(pipeline, estimator.allowed_types()))
    return TrainingResult(
        artifact=replace(artifact, methods=methods_of(pipeline)),
        parameters=learned(pipeline, said, request.sensitive, secret=secret)
        | _without_target(table.rows - len(subject.rows)),
        environment=used,
        rows_train=len(parts.train),
        rows_test=len(parts.test),
        fit_seconds=fit_seconds,
        seconds=time.perf_counter() - started,
    )


def _without_target(rows: int) -> dict[str, JsonValue]:
    """Describe the rows that could not be used, because they have no target."""
    return {"rows_without_target": rows} if rows else {}


@dataclass(frozen=True)
class Subject:
    """The training data: the features of all rows, and the answers.

    `rows` are the numbers of the rows that can be used (those with a target); `answers` has one
    entry per row of the file (labels as strings, or float64), or is None without a target.
    """

    types: dict[str, str]
    features: pd.DataFrame
    answers: Array | None
    rows: Array

    def strata(self, task: str, split: Split) -> Array | None:
        """Return the labels by which the split is balanced, if it is."""
        if task != CLASSIFICATION or not split.stratify or self.answers is None:
            return None
        return np.asarray(self.answers[self.rows], dtype=str)

    def schema(self, request: TrainingRequested) -> dict[str, JsonValue]:
        """Return `schema.json`: the required form of a row for this artifact."""
        columns = [
            self._column(name, kind, name in request.sensitive) for name, kind in self.types.items()
        ]
        target: dict[str, JsonValue] | None = None
        if request.target is not None and self.answers is not None:
            target = {"name": request.target, "task": request.task}
            if request.target in request.sensitive:
                target["sensitive"] = True
            elif request.task == CLASSIFICATION:
                target["classes"] = np.unique(self.answers[self.rows].astype(str)).tolist()
        return {"columns": columns, "target": target}

    def _column(self, name: str, kind: str, sensitive: bool) -> dict[str, JsonValue]:
        values = self.features[name].to_numpy()[self.rows]
        found: dict[str, JsonValue] = {"name": name, "type": kind}
        if sensitive:
            missing = sum(value != value for value in values.tolist())
            return {**found, "nullable": missing > 0, "sensitive": True}
        if values.dtype == np.float64:
            present = values[~np.isnan(values)]
            if len(present):
                found |= {"minimum": float(present.min()), "maximum": float(present.max())}
        else:
            present = np.array([value for value in values if isinstance(value, str)], dtype=object)
            categories = sorted(set(present.tolist()))
            if len(categories) <= _MOST_CLASSES:
                found["categories"] = categories
        return {**found, "nullable": len(present) < len(values)}


def subject_of(table: DatasetTable, target: str | None, task: str, names: Iterable[str]) -> Subject:
    """Take the features of these `names`, and the answers, from a table. Raises InputError."""
    types = {name: table.types[name] for name in names}
    features = table.features(types)
    for name, column in features.items():
        if column.dtype == np.float64 and np.isinf(column.to_numpy()).any():
            raise InputError(f"column {name} holds infinite values")
    if target is None:
        if task in (CLASSIFICATION, REGRESSION):
            raise InputError(
                f"{task} learns a target, and none was named",
                advice=f"Name one of the columns: {', '.join(list(table.types)[:20])}.",
            )
        return Subject(types, features, None, np.arange(table.rows))
    if target not in table.types:
        raise InputError(
            f"the dataset has no column {target!r} to be the target",
            advice=f"Its columns are {', '.join(list(table.types)[:20])}.",
        )
    answers, present = answers_of(table, target, task)
    rows = np.flatnonzero(present)
    if not len(rows):
        raise InputError(f"the target {target} is missing in every row")
    return Subject(types, features, answers, rows)


def answers_of(
    table: DatasetTable, target: str, task: str, *, classes: int = 2
) -> tuple[Array, Array]:
    """Return the target of every row, and in which rows it is present.

    Raises InputError when it does not fit the task, or has fewer than `classes` classes.
    """
    if task == CLASSIFICATION:
        labels = table.labels(target)
        present = np.array([label is not None for label in labels], dtype=bool)
        answers = np.asarray(np.where(present, labels, ""), dtype=str)
        longest = max(map(len, answers[present]), default=0)
        if longest > LONGEST_NAME:
            raise InputError(
                f"the target {target} has labels of up to {longest:,} characters; a label has at "
                f"most {LONGEST_NAME}",
                advice="Choose another target, or give every class a short name.",
            )
        found = len(np.unique(answers[present]))
        if 0 < found < classes:
            raise InputError(
                f"the target {target} has one class only, {answers[present][0]}",
                advice="Choose another target, or add rows of another class.",
                quiet=f"the target {target} has one class only",
            )
        if found > _MOST_CLASSES:
            raise InputError(
                f"the target {target} has {found} different values, too many for classes",
                advice=f"At most {_MOST_CLASSES} can be learned; a regression model may fit.",
            )
        return answers, present
    if task == REGRESSION and table.types[target] not in ("integer", "number"):
        raise InputError(
            f"the target {target} holds {table.types[target]} values; regression wants numbers",
            advice="Choose a classification model, or a target of numbers.",
        )
    if table.types[target] in ("string", "boolean"):
        labels = table.labels(target)
        present = np.array([label is not None for label in labels], dtype=bool)
        return np.asarray(np.where(present, labels, ""), dtype=str), present
    numbers = table.numbers(target)
    return numbers, np.isfinite(numbers)


def _check_classes(answers: Array, request: TrainingRequested) -> None:
    """Raise InputError when the training rows have only one class."""
    if len(np.unique(answers)) > 1:
        return
    what = f"the {len(answers):,} rows to train on have one class of {request.target} only"
    raise InputError(
        f"{what}, {cut(str(answers[0]))}: the rows of others were all held out",
        advice="Train with stratify, hold out fewer rows, choose another seed, or add rows of "
        "other classes.",
        quiet=what,
    )


def _fit(pipeline: Pipeline, features: pd.DataFrame, answers: Array | None, model: str) -> None:
    """Fit. Raises InputError when the library refuses a value."""
    try:
        pipeline.fit(features, answers)
    except ValueError as error:
        raise InputError(
            f"{model} cannot learn from these {len(features):,} rows with these settings: "
            f"{words_of(error).rstrip('.')}",
            advice=f"Choose other hyperparameters, which `autolearn catalog estimators {model}` "
            "has, or other data.",
            quiet=f"{model} cannot learn from these {len(features):,} rows with these settings",
        ) from error


def _check_schema(request: TrainingRequested, table: DatasetTable) -> None:
    """Raise InputError when the file does not have the agreed columns."""
    if request.schema_hash and schema_hash(table.types.items()) != request.schema_hash:
        raise InputError(
            "the dataset's columns are not those for which the training was accepted",
            advice="Register the dataset again, and ask for the training again.",
        )


def _record(request: TrainingRequested, parts: SplitRows) -> dict[str, JsonValue]:
    """Return `training.json`: everything that decides the result, and the held-out rows.

    It leaves out the run's id and limits, so that the same training has the same digest.
    """
    return {
        "estimator": request.estimator,
        "task": request.task,
        "library_version": request.library_version,
        "dataset": {"name": request.dataset.name, "version": request.dataset.version},
        "target": request.target,
        "schema_hash": request.schema_hash,
        "hyperparameters": request.hyperparameters,
        "split": msgspec.to_builtins(request.split),
        "preprocessing": msgspec.to_builtins(request.preprocessing),
        "seed": request.seed,
        "rows_train": len(parts.train),
        "rows_test": len(parts.test),
        "held_out_sha256": parts.fingerprint,
        **({} if request.read is None else {"read": msgspec.to_builtins(request.read)}),
        **({"features": request.features} if request.features else {}),
        **({"left_out": request.left_out} if request.left_out else {}),
    }


def _put(store: Artifacts, files: dict[str, JsonValue], model: bytes) -> Any:
    """Store the folder and return its TrainedArtifact."""
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        folder = Path(scratch)
        for name, content in files.items():
            text = msgspec.json.encode(content, order="sorted")
            (folder / name).write_bytes(msgspec.json.format(text, indent=1))
        (folder / "model.skops").write_bytes(model)
        return store.put_folder(folder)

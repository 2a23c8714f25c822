"""Makes the artifact of a model that was made elsewhere, if it answers its examples.

What comes is a zip file of three: `model.skops`, the fitted pipeline, or `model.onnx`;
`schema.json`, the columns that it takes, as an artifact has them; and `examples.csv`, rows that it
must answer.
"""

from __future__ import annotations

import csv
import shutil
import warnings
import zipfile
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import sklearn
from msgspec.structs import replace
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline

from autolearn.artifacts.datasets.profile import schema_hash
from autolearn.ml.environment import environment
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import methods_of
from autolearn.ml.evaluation.stored_artifact import (
    ModelColumn,
    ModelSchema,
    StoredArtifact,
    open_folder,
)
from autolearn.ml.imports.compiled_parts import check_compiled_parts
from autolearn.ml.models import skops_file
from autolearn.ml.models.onnx_model import OnnxClassifier, open_onnx
from autolearn.ml.models.trusted_types import IMPORTED
from autolearn.ml.prediction.csv_rows import csv_rows
from autolearn.ml.prediction.online import OnlineModel
from autolearn.ml.prediction.row_checks import Record
from autolearn.ml.training.feature_profile import example, feature_profile, score_profile
from autolearn.schemas.bounds import LONGEST_NAME, MIB, MOST_COLUMNS, ONLINE_ROWS, cut, listed
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, CLUSTERING, REGRESSION
from autolearn.schemas.models.imports import EXAMPLES, ONNX, SCHEMA, SKOPS, ImportFacts
from autolearn.schemas.values import KINDS, Column, JsonValue

_LARGEST_TEXT = 16 * MIB
"""Bytes of the schema, and of the examples."""
_IS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        CLASSIFICATION: is_classifier,
        REGRESSION: is_regressor,
        CLUSTERING: is_clusterer,
        ANOMALY_DETECTION: is_outlier_detector,
    }
)


class ImportedSchema(ModelSchema, frozen=True):
    """`schema.json`; without a target it names the `task`."""

    task: str = ""


def import_model(sent: Path, into: Path) -> ImportFacts:
    """Write the files of an artifact into an empty folder; return the facts about it.

    Raises:
        InputError: something that was sent does not fit.
        ModelRefused: the model holds a type that is not trusted.
    """
    try:
        with zipfile.ZipFile(sent) as packed:
            said = _schema_in(_text(packed, SCHEMA))
            examples = _examples_in(_text(packed, EXAMPLES), said)
            name = ONNX if ONNX in packed.namelist() else SKOPS
            with packed.open(_member(packed, name)) as source, (into / name).open("wb") as target:
                shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"what was sent is not a zip file that can be read ({error})") from None
    found = (_of_onnx if name == ONNX else _of_skops)(into / name, said)
    record: dict[str, JsonValue] = {
        "estimator": found.estimator,
        "task": _task_of(said),
        "target": said.target.name if said.target else None,
        "imported": True,
        "dataset": {"name": "", "version": ""},
        "split": {},
        "seed": 0,
        "held_out_sha256": "",
    }
    schema, answer = found.schema, found.schema.target
    library = "onnxruntime" if name == ONNX else "scikit-learn"
    here = environment(library, metadata.version(library))
    described = {"schema.json": msgspec.to_builtins(schema), "training.json": record}
    _write(into, {**described, "environment.json": here})
    stored = open_folder(into)
    _answers(stored, examples, into)
    types = [(column.name, column.type) for column in schema.columns]
    return ImportFacts(
        estimator=found.estimator,
        task=stored.training.task,
        target=stored.training.target,
        library_version=found.version,
        schema_hash=schema_hash(types),
        features=tuple(column.name for column in schema.columns),
        methods=methods_of(stored.pipeline),
        columns=tuple(map(_column_of, schema.columns)),
        environment=here,
        sensitive=tuple(column.name for column in schema.columns if column.sensitive)
        + ((answer.name,) if answer and answer.sensitive else ()),
        classes=answer.classes if answer else (),
    )


def _column_of(column: ModelColumn) -> Column:
    """Return a column as those of datasets are described."""
    if column.sensitive:
        return Column(column.name, column.type, sensitive=True)
    return Column(column.name, column.type, minimum=column.minimum, maximum=column.maximum)


def _member(packed: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Return a file of a zip file. Raises InputError."""
    try:
        return packed.getinfo(name)
    except KeyError:
        has = listed([cut(one) for one in packed.namelist()]) or "nothing"
        raise InputError(
            f"{name} is missing in the zip file: it has {has}",
            advice=f"Send {SKOPS} or {ONNX}, {SCHEMA} and {EXAMPLES}.",
        ) from None


def _text(packed: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a small file of a zip file. Raises InputError."""
    with packed.open(_member(packed, name)) as source:
        found = source.read(_LARGEST_TEXT + 1)
    if len(found) > _LARGEST_TEXT:
        raise InputError(f"{name} has more than {_LARGEST_TEXT:,} bytes")
    return found


def _schema_in(content: bytes) -> ImportedSchema:
    """Return the schema. Raises InputError."""
    try:
        schema = msgspec.json.decode(content, type=ImportedSchema)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            f"{SCHEMA} is no schema ({error})",
            advice='It is such as {"columns": [{"name": "age", "type": "number"}], '
            '"target": {"name": "class", "task": "classification"}}.',
        ) from None
    names = [column.name for column in schema.columns]
    target = schema.target.name if schema.target else ""
    if not 0 < len(names) <= MOST_COLUMNS:
        raise InputError(f"{SCHEMA} has {len(names):,} columns: 1 to {MOST_COLUMNS:,} are possible")
    if twice := {name for name in names if names.count(name) > 1 or name == target}:
        raise InputError(f"{SCHEMA} has a column twice: {listed(sorted(map(cut, twice)))}")
    for column in schema.columns:
        if not 0 < len(column.name) <= LONGEST_NAME:
            raise InputError(f"a name of a column in {SCHEMA} has no or too many characters")
        if column.type not in KINDS:
            raise InputError(
                f"{SCHEMA}: {cut(column.name)} has the type {cut(column.type)!r}",
                advice=f"The types are {', '.join(KINDS)}.",
            )
    return schema


def _examples_in(content: bytes, schema: ModelSchema) -> list[Record]:
    """Return the example rows. Raises InputError."""
    try:
        rows = csv_rows(content, {column.name: column.type for column in schema.columns})
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{EXAMPLES} is not CSV ({error})") from None
    if not 0 < len(rows) <= ONLINE_ROWS:
        raise InputError(
            f"{EXAMPLES} has {len(rows):,} rows",
            advice=f"Give 1 to {ONLINE_ROWS:,} rows that the model must answer.",
        )
    return list(rows)


class _Found(NamedTuple):
    """A model: its class, the version of its library, and the schema as the artifact has it."""

    estimator: str
    version: str
    schema: ModelSchema


def _of_skops(path: Path, said: ImportedSchema) -> _Found:
    """Check a skops file, and write it anew. Raises InputError and ModelRefused."""
    pipeline, version = _loaded(path)
    schema = _fitting(said, pipeline)
    steps = pipeline.steps if isinstance(pipeline, Pipeline) else [("model", pipeline)]
    if len(steps) == 1:
        pipeline = Pipeline([("rows", "passthrough"), *steps])
    path.write_bytes(skops_file.dump(pipeline, IMPORTED))
    return _Found(type(pipeline[-1]).__name__, version, schema)


def _of_onnx(path: Path, said: ImportedSchema) -> _Found:
    """Check a file of ONNX. Raises InputError."""
    task, target = _task_of(said), said.target
    types = {column.name: column.type for column in said.columns}
    model = open_onnx(path.read_bytes(), types, task, target.classes if target else ())
    if target is not None and isinstance(model, OnnxClassifier):
        target = replace(target, classes=tuple(map(str, model.classes_)))
    return _Found("onnx", metadata.version("onnxruntime"), ModelSchema(said.columns, target))


def _loaded(path: Path) -> tuple[Any, str]:
    """Return the pipeline of a skops file, and the version of scikit-learn that wrote it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            pipeline = skops_file.load(path, IMPORTED)
        except skops_file.ModelRefused as error:
            raise skops_file.ModelRefused(
                error.detail,
                advice="Save a fitted model of scikit-learn by skops.io.dump. It may hold what the "
                "models of the catalog hold, but for SVC and nearest neighbours.",
            ) from None
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - the content is foreign
            raise InputError(
                f"{SKOPS} cannot be loaded ({type(error).__name__}: {cut(str(error), 300)})",
                advice=f"Save it with scikit-learn {sklearn.__version__}, which is here.",
            ) from None
    others = (one.message for one in said if isinstance(one.message, InconsistentVersionWarning))
    version = next((str(one.original_sklearn_version) for one in others), sklearn.__version__)
    return pipeline, version


def _task_of(schema: ImportedSchema) -> str:
    """Return the task that a schema says. Raises InputError."""
    task = schema.target.task if schema.target is not None else schema.task
    if task not in _IS:
        raise InputError(
            f"{SCHEMA} has the task {cut(task)!r}",
            advice=f"The tasks are {', '.join(_IS)}: of the target, or `task` where there is none.",
        )
    if schema.target is None and task in (CLASSIFICATION, REGRESSION):
        raise InputError(f"{SCHEMA} has no target: {task} answers with one, so it has a name")
    return task


def _fitting(schema: ImportedSchema, pipeline: Any) -> ModelSchema:
    """Return the schema as the artifact has it. Raises InputError."""
    task, target = _task_of(schema), schema.target
    if not _IS[task](pipeline):
        raise InputError(f"the model in {SKOPS} does not do {task}, which {SCHEMA} says")
    if task == CLASSIFICATION and target is not None:
        classes = tuple(str(one) for one in np.asarray(pipeline.classes_).ravel())
        if target.classes and set(target.classes) != {*classes}:
            there, here = ([cut(one) for one in some] for some in (target.classes, classes))
            raise InputError(
                f"{SCHEMA} has the classes {listed(there)}, and the model {listed(here)}"
            )
        target = replace(target, classes=() if target.sensitive else classes)
    columns = schema.columns
    fitted = [str(one) for one in getattr(pipeline, "feature_names_in_", ())]
    if {*fitted} == {column.name for column in columns}:
        by_name: dict[str, ModelColumn] = {column.name: column for column in columns}
        columns = tuple(by_name[name] for name in fitted)
    return ModelSchema(columns, target)


def _answers(stored: StoredArtifact, examples: list[Record], into: Path) -> None:
    """Let the model answer its examples, and write what describes them. Raises InputError."""
    online = OnlineModel(stored)
    try:
        features = online.features(examples)
        if isinstance(stored.pipeline, Pipeline):
            check_compiled_parts(stored.pipeline, features)
        said = online.answer(examples)
    except InputError as error:
        raise InputError(
            f"the model does not answer {EXAMPLES}: {error.detail}", advice=error.advice
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the model is foreign
        words = f"{type(error).__name__}: {cut(str(error), 300)}"
        raise InputError(f"the model does not answer {EXAMPLES} ({words})") from None
    for name, values in said.columns.items():
        if values.shape != (len(examples),):
            raise InputError(f"the model gives {name} in the shape {values.shape}, not one a row")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"the model gives numbers for {name} that are not finite")
    secret = [column.name for column in stored.schema.columns if column.sensitive]
    target = stored.schema.target
    hidden = target is not None and target.sensitive
    scores = score_profile(stored.pipeline, features, stored.training.task, secret=hidden)
    files = {
        "profile.json": {"features": feature_profile(features, secret), "scores": scores},
        "example.json": example(features),
    }
    _write(into, files)
    online.warm(into)


def _write(into: Path, files: Mapping[str, JsonValue]) -> None:
    for name, content in files.items():
        text = msgspec.json.encode(content, order="sorted")
        (into / name).write_bytes(msgspec.json.format(text, indent=1))

"""A version as a file of ONNX, which is checked against scikit-learn.

The columns are the inputs, each of shape (rows, 1): float64 for numbers and times (seconds since
1970, UTC), NaN for a gap; strings for text and booleans (true, false), "" for a gap. skl2onnx
converts the estimator and the scaling. Imputing and encoding are converted here, which skl2onnx
does for float32 only, or without gaps of text and rare categories; and so are our transformers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import onnx
import onnxruntime
import pandas as pd
from onnx import TensorProto
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from skl2onnx.operator_converters.common import concatenate_variables
from skl2onnx.sklapi import CastTransformer
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from autolearn.ml import transformers
from autolearn.ml.environment import one_thread
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.evaluation.drawn_rows import STRANGE, TEXT, rows_to_check
from autolearn.ml.evaluation.rows import held_out, read_for, steps_in
from autolearn.ml.evaluation.stored_artifact import ModelColumn, StoredArtifact, open_folder
from autolearn.ml.export.python_folder import keeps_steps
from autolearn.ml.transformers import FeatureSelector, QuantileClipper, SignedLog
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, REGRESSION
from autolearn.schemas.datasets.read_options import ReadOptions

Array = np.ndarray[Any, Any]

_OPSETS = {"": 19, "ai.onnx.ml": 3}
_CLOSE = 1e-5
"""How far numbers may differ; of regressions relative to the number, where that is above 1."""
_ROWS, _HELD_OUT = 1_000, 10_000
"""Rows that are drawn, and held-out rows at most, for which answers are compared."""
_PYTHON = "Export it as python."


class _Reading(msgspec.Struct):
    """`training.json`, as far as it says how the dataset is read."""

    read: ReadOptions | None = None


class _Converted(NamedTuple):
    """A model of ONNX that agrees with scikit-learn, but for the labels of so many ties."""

    model: Any
    ties: int


class _Differs(Exception):
    """ONNX Runtime gives other answers than scikit-learn."""


def write_onnx(
    artifact: Path, into: Path, estimator: Estimator, title: str, data: Path | None
) -> None:
    """Write the file of an artifact's folder. `title` names the version.

    `data` is the dataset of the training, if it is there.

    Raises:
        InputError: a part cannot be converted, or ONNX Runtime gives other answers for held-out
        rows, or for rows that are drawn from the profile of the training.
        ModelRefused: the artifact has types that are not trusted.
    """
    one_thread()
    stored = open_folder(artifact)
    if steps_in(stored.pipeline) is not None:
        raise keeps_steps()
    drawn = rows_to_check(stored, artifact, _ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        real = _held_out_rows(stored, artifact, data)
        rows = drawn if real is None else pd.concat([real, drawn], ignore_index=True)
        found = _converted(stored, rows)
    classes = getattr(stored.pipeline, "classes_", ())
    about = {
        "model": title,
        "estimator": estimator.name,
        "dataset": f"{stored.training.dataset.name}@{stored.training.dataset.version}",
        "columns": {column.name: column.type for column in stored.schema.columns},
        "classes": [str(one) for one in classes],
        "compared": f"{len(rows) - len(drawn)} held-out rows and {len(drawn)} others",
    }
    words = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in about.items()
    }
    onnx.helper.set_model_props(found.model, words)
    onnx.save(found.model, str(into))


def _converted(stored: StoredArtifact, rows: pd.DataFrame) -> _Converted:
    """Return the model with the fewest ties that are decided otherwise. Raises InputError.

    Estimators compute in float64, or in float32 where skl2onnx or trees want that.
    """
    found, why = list[_Converted](), InputError("")
    *steps, (name, estimator) = stored.pipeline.steps
    limited = estimator if isinstance(estimator, FixedThresholdClassifier) else None
    last = (name, estimator if limited is None else limited.estimator_)
    for cast in ([], [("cast", CastTransformer(dtype=np.float32))]):
        try:
            model = _model_of(Pipeline([*steps, *cast, last]), stored.schema.columns)
            if limited is not None:
                _limit(model, limited)
            _name(model, stored.schema.columns)
            found.append(_Converted(model, _ties(stored, model, rows)))
        except _Differs as error:
            why = InputError(
                f"ONNX Runtime gives other answers than scikit-learn: {error}", advice=_PYTHON
            )
        except Exception as error:  # noqa: BLE001 - what skl2onnx raises has no common class
            if not why.detail:
                culprit = _culprit(stored)
                words = cut(str(error).partition("\n")[0], 200)
                ours = hasattr(transformers, culprit.partition(" ")[0])
                if ours or isinstance(error, MissingConverter | MissingShapeCalculator):
                    words = "there is no converter for it"
                why = InputError(f"ONNX cannot hold {culprit}: {words}", advice=_PYTHON)
        if found and not found[-1].ties:
            break
    if not found:
        raise why
    return min(found, key=lambda one: one.ties)


def _model_of(pipeline: Any, columns: Sequence[ModelColumn]) -> Any:
    """Convert a pipeline. Its inputs are column_0, column_1 …: skl2onnx changes other names."""
    names = {column.name: f"column_{at}" for at, column in enumerate(columns)}
    if isinstance(pipeline[0], ColumnTransformer):
        first = copy(pipeline[0])
        first.transformers_ = [
            (name, part, [names[one] for one in of])
            for name, part, of in pipeline[0].transformers_
            if name != "remainder"
        ]
        pipeline = Pipeline([("preprocess", first), *pipeline.steps[1:]])
    asked: dict[str, Any] = {
        "initial_types": [(names[column.name], _type_of(column)) for column in columns],
        "target_opset": _OPSETS,
        "custom_conversion_functions": {kind: one for kind, (one, _) in _CONVERTERS.items()},
        "custom_shape_calculators": {kind: one for kind, (_, one) in _CONVERTERS.items()},
    }
    if hasattr(pipeline, "predict_proba"):
        asked["options"] = {"zipmap": False}
    model = convert_sklearn(pipeline, **asked)
    outputs = model.graph.output
    if not (hasattr(pipeline, "predict_proba") or hasattr(pipeline, "score_samples")):
        del outputs[1:]
    return model


def _name(model: Any, columns: Sequence[ModelColumn]) -> None:
    """Give the inputs the names of their columns; no other part of the model has one of these."""
    graph, known = model.graph, {column.name for column in columns}
    names = {one.name: f"_/{one.name}" for one in graph.initializer}
    names |= {name: f"_/{name}" for node in graph.node for name in node.output}
    for one in graph.output:
        names[one.name] = f"predicted_{one.name}" if one.name in known else one.name
    pairs = zip(graph.input, columns, strict=True)
    names |= {given.name: column.name for given, column in pairs}
    for one in (*graph.initializer, *graph.input, *graph.output):
        one.name = names[one.name]
    for node in graph.node:
        node.input[:] = [names[one] for one in node.input]
        node.output[:] = [names[one] for one in node.output]


def _limit(model: Any, limited: Any) -> None:
    """Let the threshold of a fitted FixedThresholdClassifier decide the label.

    Probabilities of float32 may be a little too low, and thresholds are often one of them.
    """
    probabilities, graph = model.graph.output[1], model.graph
    kind = probabilities.type.tensor_type.elem_type
    value = limited.threshold - (_CLOSE / 10 if kind == TensorProto.FLOAT else 0)
    classes = [str(one) for one in limited.classes_]
    at = classes.index(str(limited.pos_label))
    for node in graph.node:
        node.output[:] = ["most_probable" if one == "label" else one for one in node.output]
    constants: list[tuple[str, int, Any]] = [
        ("limit", kind, [value]),
        ("place", TensorProto.INT64, [at]),
        ("above", TensorProto.STRING, [classes[at].encode()]),
        ("below", TensorProto.STRING, [classes[1 - at].encode()]),
        ("axis", TensorProto.INT64, [1]),
    ]
    nodes: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Gather", [probabilities.name, "threshold_place"], "threshold_share", {"axis": 1}),
        ("GreaterOrEqual", ["threshold_share", "threshold_limit"], "threshold_reached", {}),
        ("Where", ["threshold_reached", "threshold_above", "threshold_below"], "decided", {}),
        ("Squeeze", ["decided", "threshold_axis"], "label", {}),
    ]
    for name, of, content in constants:
        graph.initializer.append(onnx.helper.make_tensor(f"threshold_{name}", of, [1], content))
    for operation, given, gives, more in nodes:
        graph.node.append(onnx.helper.make_node(operation, given, [gives], **more))


def _type_of(column: ModelColumn) -> Any:
    return (StringTensorType if column.type in TEXT else DoubleTensorType)([None, 1])


def _ties(stored: StoredArtifact, model: Any, rows: pd.DataFrame) -> int:
    """Return how many ties between classes are decided otherwise by ONNX Runtime.

    Raises:
        _Differs: other answers differ.
    """
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level, quiet.intra_op_num_threads, quiet.inter_op_num_threads = 3, 1, 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), quiet, providers=["CPUExecutionProvider"]
    )
    given = {
        column.name: _given(rows[column.name], column).reshape(-1, 1)
        for column in stored.schema.columns
    }
    said, *more = session.run(None, given)
    pipeline, said = stored.pipeline, said.ravel()
    expected = np.asarray(pipeline.predict(rows))
    if stored.training.task == REGRESSION:
        _near("the numbers", said / _scale(expected), expected / _scale(expected))
        return 0
    other = said.astype(str) != expected.astype(str)
    if stored.training.task == ANOMALY_DETECTION:
        _near("the scores", more[0].ravel(), pipeline.decision_function(rows))
    if stored.training.task == CLASSIFICATION and more:
        shares = pipeline.predict_proba(rows)
        _near("the probabilities", more[0], shares)
        highest = np.sort(shares, axis=1)[:, -2:]
        ties = other & (highest[:, 1] - highest[:, 0] < _CLOSE)
        if isinstance(pipeline[-1], FixedThresholdClassifier):
            ties[:] = False
        if (other & ~ties).any():
            raise _Differs(f"{int((other & ~ties).sum())} of {len(rows):,} labels differ")
        return int(ties.sum())
    if other.any():
        raise _Differs(f"{int(other.sum())} of {len(rows):,} labels differ")
    return 0


def _given(values: Any, column: ModelColumn) -> Array:
    """Return a column as an input of the model."""
    if column.type in TEXT:
        return np.array([one if isinstance(one, str) else "" for one in values], dtype=object)
    return np.asarray(values, dtype=np.float64)


def _scale(values: Array) -> Array:
    return np.asarray(np.maximum(1, np.abs(values)))


def _near(what: str, said: Array, expected: Array) -> None:
    """Raise _Differs if numbers differ."""
    if said.shape != expected.shape:
        raise _Differs(f"{what} have the shape {said.shape}, not {expected.shape}")
    most = float(np.max(np.abs(said.astype(np.float64) - expected)))
    if not most <= _CLOSE:  # NaN is not
        raise _Differs(f"{what} differ by up to {most:.2g}, and {_CLOSE:g} is allowed")


def _held_out_rows(
    stored: StoredArtifact, artifact: Path, data: Path | None
) -> pd.DataFrame | None:
    """Return the first held-out rows of a training, None if they cannot be found any more."""
    if data is None:
        return None
    how = msgspec.json.decode((artifact / "training.json").read_bytes(), type=_Reading)
    try:
        rows = held_out(stored.training.dataset, stored, read_for(stored, data, how.read))
    except InputError:  # another library version splits otherwise
        return None
    return rows.features.head(_HELD_OUT)


def _culprit(stored: StoredArtifact) -> str:
    """Return the first part of a pipeline that cannot be converted, such as `DateParts of day`."""
    columns = {column.name: column for column in stored.schema.columns}
    steps = stored.pipeline.steps
    for _, part, names in steps[0][1].transformers_:
        of = [columns[one] for one in names if one in columns]
        own = part.steps if isinstance(part, Pipeline) else [("only", part)]
        if of and (culprit := _unconverted(own, of)):
            return f"{culprit} of {listed([one.name for one in of])}"
    return _unconverted(steps, stored.schema.columns) or type(steps[-1][1]).__name__


def _unconverted(steps: Sequence[tuple[str, Any]], columns: Sequence[ModelColumn]) -> str:
    """Return the type of the first step that cannot be converted, "" if all can."""
    for many in range(1, len(steps) + 1):
        try:
            _model_of(Pipeline(list(steps[:many])), columns)
        except Exception:  # noqa: BLE001 - what skl2onnx raises has no common class
            return type(steps[many - 1][1]).__name__
    return ""


def _same_shape(operator: Any) -> None:
    """Give a result the type of what it comes from, and as many columns."""
    kind = type(operator.inputs[0].type)
    operator.outputs[0].type = kind([None, operator.raw_operator.n_features_in_])


def _impute(scope: Any, operator: Any, container: Any) -> None:
    """Fill gaps: NaN of numbers, "" of text."""
    fill = operator.raw_operator.statistics_
    given = concatenate_variables(scope, operator.inputs, container)
    if isinstance(operator.inputs[0].type, StringTensorType):
        texts = [str(one).encode() for one in fill]
        filling = _constant(scope, container, TensorProto.STRING, [1, len(fill)], texts)
        nothing = _constant(scope, container, TensorProto.STRING, [1], [b""])
        gap = _node(scope, container, "Equal", [given, nothing], 19)
    else:
        numbers = np.asarray(fill, dtype=np.float64).tolist()
        filling = _constant(scope, container, TensorProto.DOUBLE, [1, len(fill)], numbers)
        gap = _node(scope, container, "IsNaN", [given], 13)
    _node(scope, container, "Where", [gap, filling, given], 16, operator.outputs[0].full_name)


def _clip(scope: Any, operator: Any, container: Any) -> None:
    """Limit numbers to quantiles; NaN stays."""
    clipper, wide = operator.raw_operator, [1, operator.raw_operator.n_features_in_]
    given = concatenate_variables(scope, operator.inputs, container)
    for bound, compare in ((clipper.lower_, "Less"), (clipper.upper_, "Greater")):
        held = _constant(scope, container, TensorProto.DOUBLE, wide, bound)
        beyond = _node(scope, container, compare, [given, held], 13)
        given = _node(scope, container, "Where", [beyond, held, given], 16)
    _node(scope, container, "Identity", [given], 16, operator.outputs[0].full_name)


def _log(scope: Any, operator: Any, container: Any) -> None:
    """Take sign(x) log(1 + |x|)."""
    given = concatenate_variables(scope, operator.inputs, container)
    one = _constant(scope, container, TensorProto.DOUBLE, [1], [1.0])
    size = _node(scope, container, "Abs", [given], 13)
    more = _node(scope, container, "Add", [size, one], 14)
    logarithm = _node(scope, container, "Log", [more], 13)
    sign = _node(scope, container, "Sign", [given], 13)
    _node(scope, container, "Mul", [sign, logarithm], 14, operator.outputs[0].full_name)


def _select(scope: Any, operator: Any, container: Any) -> None:
    """Keep the selected features."""
    kept = np.flatnonzero(operator.raw_operator.support_).tolist()
    places = _constant(scope, container, TensorProto.INT64, [len(kept)], kept)
    given = [operator.inputs[0].full_name, places]
    _node(scope, container, "Gather", given, 13, operator.outputs[0].full_name, axis=1)


def _selected_shape(operator: Any) -> None:
    """Give the selected features their shape and type."""
    kind = type(operator.inputs[0].type)
    operator.outputs[0].type = kind([None, int(operator.raw_operator.support_.sum())])


def _encoded_shape(operator: Any) -> None:
    """Give the result of encoding its shape and type."""
    wide = sum(table.shape[1] for _, table in _tables(operator.raw_operator))
    operator.outputs[0].type = DoubleTensorType([None, wide])


def _encode(scope: Any, operator: Any, container: Any) -> None:
    """Look up the numbers of each category in a table."""
    given = concatenate_variables(scope, operator.inputs, container)
    parts = []
    for at, (known, table) in enumerate(_tables(operator.raw_operator)):
        place = _constant(scope, container, TensorProto.INT64, [1], [at])
        column = _node(scope, container, "Gather", [given, place], 13, axis=1)
        row = _node(
            *(scope, container, "LabelEncoder", [column], 2),
            op_domain="ai.onnx.ml",
            keys_strings=known,
            values_int64s=[*range(len(known))],
            default_int64=len(known),
        )
        held = _constant(scope, container, TensorProto.DOUBLE, [*table.shape], table.ravel())
        cells = _node(scope, container, "Gather", [held, row], 13, axis=0)
        shape = _constant(scope, container, TensorProto.INT64, [2], [-1, table.shape[1]])
        parts.append(_node(scope, container, "Reshape", [cells, shape], 14))
    _node(scope, container, "Concat", parts, 13, operator.outputs[0].full_name, axis=1)


def _tables(encoder: Any) -> Iterator[tuple[list[str], Array]]:
    """Yield the categories of each column, and what they are encoded as; last an unknown one.

    The table has the shape (categories + 1, features of the column).
    """
    known = [[str(one) for one in values] for values in encoder.categories_]
    first, start = [values[0] for values in known], 0
    for at, values in enumerate(known):
        rows = np.array([first] * (len(values) + 1), dtype=object)
        rows[:, at] = [*values, STRANGE]
        encoded = np.asarray(encoder.transform(rows), dtype=np.float64)
        wide = encoded.shape[1] // len(known)
        if isinstance(encoder, OneHotEncoder):
            wide = encoder._n_features_outs[at]
        yield values, encoded[:, start : start + wide]
        start += wide


def _constant(
    scope: Any, container: Any, kind: int, shape: Sequence[int], content: Sequence[Any] | Array
) -> str:
    """Add a constant, and return its name."""
    name: str = scope.get_unique_variable_name("constant")
    container.add_initializer(name, kind, [*shape], content)
    return name


def _node(
    scope: Any,
    container: Any,
    kind: str,
    given: Sequence[str],
    version: int,
    gives: str = "",
    **more: Any,
) -> str:
    """Add a node, and return the name of its output."""
    gives = gives or scope.get_unique_variable_name(kind.lower())
    name = scope.get_unique_operator_name(kind)
    container.add_node(kind, [*given], [gives], op_version=version, name=name, **more)
    return gives


_CONVERTERS: dict[type, tuple[Callable[..., None], Callable[[Any], None]]] = {
    SimpleImputer: (_impute, _same_shape),
    OneHotEncoder: (_encode, _encoded_shape),
    OrdinalEncoder: (_encode, _encoded_shape),
    TargetEncoder: (_encode, _encoded_shape),
    QuantileClipper: (_clip, _same_shape),
    SignedLog: (_log, _same_shape),
    FeatureSelector: (_select, _selected_shape),
}
"""The functions for a step of a kind: one adds its nodes, the other sets the type of its result."""

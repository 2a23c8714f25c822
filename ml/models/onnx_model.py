"""A model in ONNX (https://onnx.ai) that predicts like a fitted estimator, by ONNX Runtime.

It comes from memory, so that ONNX Runtime refuses one whose numbers are in other files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]
_NUMBERS: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
_TEXT = "tensor(string)"
_LABELS = (_TEXT, "tensor(int64)", "tensor(int32)", "tensor(bool)")
_SHARES = ("tensor(float)", "tensor(double)")
_MAPS = "seq(map("
"""Probabilities as skl2onnx gives them by default: a mapping by label for each row."""


def open_onnx(
    content: bytes, types: Mapping[str, str], task: str, classes: tuple[str, ...]
) -> OnnxModel:
    """Return the model of a file; `types` are those of its columns, in their order.

    `classes` are the labels in the order of the probabilities, for a file that does not say them.

    Raises:
        InputError: ONNX Runtime is not installed or refuses the file, or it takes or gives
        something else than its columns and its task want.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise InputError(
            "onnxruntime is not installed here, which runs models of ONNX",
            advice="Where the API and `serve` run: pip install 'autolearn[onnx]'.",
        ) from None
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level, quiet.intra_op_num_threads, quiet.inter_op_num_threads = 4, 1, 1
    try:
        session = onnxruntime.InferenceSession(content, quiet, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its errors have no common class
        words = cut(" ".join(str(error).split()), 300)
        raise InputError(f"ONNX Runtime refuses the model ({words})") from None
    if task == CLASSIFICATION:
        return _classifier(session, types, classes)
    if task != REGRESSION:
        raise InputError(
            f"a model of ONNX does not do {task} here",
            advice=f"It does {CLASSIFICATION} or {REGRESSION}; send others as skops.",
        )
    if (kind := session.get_outputs()[0].type) not in _NUMBERS:
        raise InputError(f"the first output of the model is {kind}, not numbers")
    return OnnxModel(session, types)


def _classifier(session: Any, types: Mapping[str, str], classes: tuple[str, ...]) -> OnnxModel:
    """Return a classifier: a label and probabilities, or one of the two. Raises InputError."""
    kinds = [one.type for one in session.get_outputs()[:2]]
    label = 0 if kinds[0] in _LABELS else None
    shares = next((at for at, one in enumerate(kinds) if one.startswith((*_SHARES, _MAPS))), None)
    if label is None and shares is None:
        raise InputError(f"the model gives {listed(kinds)}: no label, and no probabilities")
    said = session.get_modelmeta().custom_metadata_map.get("classes", "")
    named = classes or tuple(map(str, json.loads(said) if said.startswith("[") else ()))
    if not named:
        raise InputError(
            "the classes of the model are not known",
            advice="Name them in the target of the schema (classes), in the order of the "
            "probabilities.",
        )
    if shares is None:
        return OnnxClassifier(session, types, named, label)
    shape = session.get_outputs()[shares].shape
    if len(shape) == 2 and isinstance(shape[1], int) and shape[1] != len(named):
        raise InputError(
            f"the model gives {shape[1]} probabilities a row, and there are {len(named)} classes"
        )
    return OnnxProbabilities(session, types, named, label, shares)


class OnnxModel:
    """A regression. It has an input for each column, or one for all of them, in their order."""

    def __init__(self, session: Any, types: Mapping[str, str]) -> None:
        self.session, self.types = session, types
        self.inputs = {one.name: one.type for one in session.get_inputs()}
        shapes = [one.shape for one in session.get_inputs()]
        self.is_one = len(shapes) == 1 and len(shapes[0]) == 2 and {*self.inputs} != {*types}
        if self.is_one:
            self._check_one(*shapes[0])
        elif {*self.inputs} != {*types}:
            raise InputError(
                f"the model takes {listed([*self.inputs])}, and the schema has {listed([*types])}",
                advice="It takes an input for each column, called so; or one of all numbers.",
            )
        for name, kind in self.inputs.items():
            if kind not in (*_NUMBERS, _TEXT):
                raise InputError(f"the input {cut(name)} is {kind}, and no numbers or text")
        if any(shape and isinstance(shape[0], int) for shape in shapes):
            raise InputError("the model takes a fixed number of rows: leave that open")

    def _check_one(self, _: Any, width: Any) -> None:
        """Check an input of all columns. Raises InputError."""
        texts = [name for name, kind in self.types.items() if kind in ("string", "boolean")]
        if texts:
            raise InputError(
                f"the model takes one array of all columns, and {listed(texts)} has no numbers"
            )
        if isinstance(width, int) and width != len(self.types):
            raise InputError(
                f"the model takes {width} columns, and the schema has {len(self.types)}"
            )

    def run(self, features: pd.DataFrame) -> list[Any]:
        """Return the outputs for rows. Raises ValueError for gaps that it cannot take."""
        if self.is_one:
            (name, kind), *_ = self.inputs.items()
            given = {name: _numbers(features.to_numpy(np.float64), kind, name)}
            return list(self.session.run(None, given))
        shapes = {one.name: one.shape for one in self.session.get_inputs()}
        given = {}
        for name, kind in self.inputs.items():
            values = features[name].to_numpy()
            if kind == _TEXT:
                texts = [one if isinstance(one, str) else "" for one in values]
                array = np.array(texts, dtype=object)
            else:
                array = _numbers(values.astype(np.float64), kind, name)
            given[name] = array.reshape(-1, 1) if len(shapes[name]) == 2 else array
        return list(self.session.run(None, given))

    def predict(self, features: pd.DataFrame) -> Array:
        """Return a number per row."""
        return _flat(self.run(features)[0]).astype(np.float64)


class OnnxClassifier(OnnxModel):
    """A classification; `label` is the number of the output with the labels, if there is one."""

    def __init__(
        self, session: Any, types: Mapping[str, str], classes: tuple[str, ...], label: int | None
    ) -> None:
        super().__init__(session, types)
        self.classes_, self.label = np.array(classes), label

    def predict(self, features: pd.DataFrame) -> Array:
        """Return a label (string) per row."""
        return self.labels(self.run(features))

    def labels(self, said: list[Any]) -> Array:
        """Return the labels of an answer. Raises ValueError for one that is no class."""
        assert self.label is not None, "without probabilities there are labels"
        found = _flat(said[self.label]).astype(str)
        if strange := {*found.tolist()} - {*self.classes_.tolist()}:
            raise ValueError(f"it gives {listed(sorted(strange))}, none of its classes")
        return found


class OnnxProbabilities(OnnxClassifier):
    """A classification with probabilities; `shares` is the number of their output."""

    def __init__(
        self,
        session: Any,
        types: Mapping[str, str],
        classes: tuple[str, ...],
        label: int | None,
        shares: int,
    ) -> None:
        super().__init__(session, types, classes, label)
        self.shares = shares

    def labels(self, said: list[Any]) -> Array:
        """Return the labels of an answer; those of the highest probabilities if it has none."""
        if self.label is not None:
            return super().labels(said)
        return np.asarray(self.classes_[self._shares(said).argmax(axis=1)])

    def predict_proba(self, features: pd.DataFrame) -> Array:
        """Return the probabilities, one column per class."""
        return self._shares(self.run(features))

    def _shares(self, said: list[Any]) -> Array:
        values, classes = said[self.shares], self.classes_.tolist()
        if isinstance(values, list):
            rows = [{str(name): share for name, share in row.items()} for row in values]
            if any({*row} != {*classes} for row in rows):
                raise ValueError(f"it gives probabilities of {listed([*rows[0]])}")
            values = [[row[name] for name in classes] for row in rows]
        found = np.asarray(values, dtype=np.float64)
        if found.ndim != 2 or found.shape[1] != len(classes):
            raise ValueError(f"it gives probabilities in the shape {found.shape}")
        return found


def _flat(values: Any) -> Array:
    """Return one value per row. Raises ValueError if there are several."""
    found = np.asarray(values)
    if found.ndim == 2 and found.shape[1] == 1:
        return found[:, 0]
    if found.ndim != 1:
        raise ValueError(f"it gives an answer in the shape {found.shape}")
    return found


def _numbers(values: Array, kind: str, name: str) -> Array:
    """Return numbers as an input takes them. Raises ValueError."""
    if kind not in _NUMBERS:
        raise ValueError(f"the input {name} takes text")
    if "int" in kind and not np.isfinite(values).all():
        raise ValueError(f"the input {name} takes integers, and no gap")
    return np.asarray(values.astype(_NUMBERS[kind]))

"""The Open Inference Protocol, version 2 (KServe), with its extension for binary tensors.

A column of the model is an input tensor of shape [rows] or [rows, 1], and a column of the answer an
output tensor of shape [rows]. Source: the specification of the protocol (KServe, `rest`), and the
binary tensor data extension (Triton Inference Server).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from autolearn.api.serving.query import not_a_purpose, purpose_of
from autolearn.schemas.bounds import ONLINE_ROWS, cut, listed
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.records.prediction import PRODUCTION, Purpose
from autolearn.schemas.rest.serving.inference_protocol import (
    InferenceAnswer,
    InferenceRequest,
    ModelMetadata,
    Tensor,
    TensorMetadata,
)
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:  # scikit-learn is imported with the first model
    from autolearn.ml.prediction.online import Answered, OnlineModel

_NUMBERS = {
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
    "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
}  # fmt: skip
"""The datatypes of numbers, as NumPy's types; binary tensors are little-endian."""
_TAKEN = {"boolean": ("BOOL",), "string": ("BYTES",), "timestamp": ("BYTES",)}
_GIVEN = {"f": "FP64", "i": "INT64", "b": "BOOL"}
_SIZE = "binary_data_size"
_MOST_TENSORS = 10_000
EXTENSIONS = ("binary_tensor_data",)


class Malformed(AutoLearnError):
    """A request is not one of the protocol, or does not fit the model."""

    title = "The request does not fit"


class Asked(NamedTuple):
    """The rows of a request by column, which outputs are wanted (in binary?), and its purpose."""

    columns: Mapping[str, Sequence[Any]]
    rows: int
    id: str
    outputs: Mapping[str, bool]
    purpose: Purpose = PRODUCTION


_decoder = msgspec.json.Decoder(InferenceRequest)


def read(content: bytes, json_length: str, model: OnlineModel) -> Asked:
    """Return the rows that a body asks about.

    `json_length` is the header of the binary extension, or "".

    Raises:
        Malformed: it is no such request, or does not fit the model.
    """
    size = len(content)
    if json_length:
        if not (json_length.isascii() and json_length.isdecimal() and len(json_length) < 12):
            raise Malformed(f"Inference-Header-Content-Length is {cut(json_length)!r}: no number")
        size = int(json_length)
        if size > len(content):
            raise Malformed(
                f"Inference-Header-Content-Length is {size:,}, and the body has {len(content):,} "
                "bytes (clients may leave it in a dict of headers: give them another each time)"
            )
    try:
        asked = _decoder.decode(memoryview(content)[:size])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Malformed(f"it is no request of the Open Inference Protocol: {error}") from None
    if not asked.inputs:
        raise Malformed(f"there is no input: {_wanted(model)}")
    if len(asked.inputs) > _MOST_TENSORS:
        raise Malformed(f"there are {len(asked.inputs):,} inputs, at most {_MOST_TENSORS:,} fit")
    rows = asked.inputs[0].shape[0] if asked.inputs[0].shape else 0
    gaps, at = asked.parameters.get("missing") == "nan", size
    columns: dict[str, Sequence[Any]] = {}
    for tensor in asked.inputs:
        if tensor.name in columns:
            raise Malformed(f"the input {cut(tensor.name)!r} is there twice")
        _check_shape(tensor, rows)
        if _SIZE in tensor.parameters:
            end = at + _binary_size(tensor)
            if end > len(content):
                raise Malformed(
                    f"the input {cut(tensor.name)!r} has {end - at:,} bytes by its {_SIZE}, and "
                    f"{len(content) - at:,} are left in the body"
                )
            values, at = _binary(tensor, content[at:end], rows), end
        else:
            values = _listed(tensor, rows)
        columns[tensor.name] = _fitting(tensor, values, model, gaps=gaps)
    if at != len(content):
        raise Malformed(f"{len(content) - at:,} bytes of the body belong to no input")
    given = asked.parameters.get("purpose", PRODUCTION)
    purpose = purpose_of(given)
    if purpose is None:
        raise Malformed(f"the parameter purpose does not fit: {not_a_purpose(given)}")
    return Asked(columns, rows, asked.id, _outputs(asked, model), purpose)


def _check_shape(tensor: Tensor, rows: int) -> None:
    shape, name = tensor.shape, cut(tensor.name)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
        raise Malformed(f"the input {name!r} has the shape {shape[:8]}: [rows] or [rows, 1] fits")
    if not 0 < shape[0] <= ONLINE_ROWS:
        raise Malformed(f"the input {name!r} has {shape[0]} rows: 1 to {ONLINE_ROWS:,} fit")
    if shape[0] != rows:
        raise Malformed(f"the input {name!r} has {shape[0]} rows, and the first input has {rows}")


def _binary_size(tensor: Tensor) -> int:
    size = tensor.parameters[_SIZE]
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise Malformed(f"{_SIZE} of the input {cut(tensor.name)!r} is no number of bytes")
    if tensor.data is not UNSET:
        raise Malformed(f"the input {cut(tensor.name)!r} has both data and {_SIZE}")
    return size


def _binary(tensor: Tensor, content: bytes, rows: int) -> list[Any]:
    """Return the values of a binary tensor.

    Raises:
        Malformed: it has another number of bytes, or its texts are not UTF-8.
    """
    name, kind = cut(tensor.name), tensor.datatype
    if kind == "BYTES":
        return _texts(name, content, rows)
    if kind == "BOOL":
        values = np.frombuffer(content, np.uint8)
    elif kind in _NUMBERS:
        item = np.dtype(_NUMBERS[kind])
        if len(content) % item.itemsize:
            raise Malformed(f"the input {name!r} has {len(content)} bytes, no multiple of {kind}")
        values = np.frombuffer(content, item)
    else:
        raise Malformed(f"the input {name!r} has the datatype {cut(kind)!r}, which is not known")
    if len(values) != rows:
        raise Malformed(f"the input {name!r} has {len(values)} values for {rows} rows")
    if kind == "BOOL":
        return [bool(one) for one in values.tolist()]
    found: list[Any] = values.tolist()
    return found


def _texts(name: str, content: bytes, rows: int) -> list[Any]:
    """Return the texts of a BYTES tensor: each has its length in front, 4 bytes little-endian."""
    found: list[Any] = []
    at = 0
    while at < len(content):
        if at + 4 > len(content):
            raise Malformed(f"the input {name!r} ends within the length of a text")
        (size,) = struct.unpack_from("<I", content, at)
        at += 4
        if at + size > len(content):
            raise Malformed(
                f"a text of the input {name!r} has {size:,} bytes by its length, and "
                f"{len(content) - at:,} are there"
            )
        try:
            found.append(content[at : at + size].decode())
        except UnicodeDecodeError as error:
            raise Malformed(f"a text of the input {name!r} is not UTF-8: {error}") from None
        at += size
    if len(found) != rows:
        raise Malformed(f"the input {name!r} has {len(found)} texts for {rows} rows")
    return found


def _listed(tensor: Tensor, rows: int) -> list[Any]:
    """Return the values of a tensor in JSON, which may be nested as its shape is."""
    if isinstance(tensor.data, UnsetType):
        raise Malformed(f"the input {cut(tensor.name)!r} has no data")
    values = tensor.data
    if len(tensor.shape) == 2:
        values = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in values]
    if len(values) != rows:
        raise Malformed(f"the input {cut(tensor.name)!r} has {len(values)} values for {rows} rows")
    return values


def _fitting(tensor: Tensor, values: list[Any], model: OnlineModel, *, gaps: bool) -> list[Any]:
    """Return the values of a tensor as a column of the model.

    Raises:
        Malformed: the datatype does not fit the column.
    """
    column = model.columns.get(tensor.name)
    if column is None:
        return values  # the model does not use it
    taken = _TAKEN.get(column.type, tuple(_NUMBERS))
    if tensor.datatype not in taken:
        raise Malformed(
            f"the input {cut(tensor.name)!r} has the datatype {cut(tensor.datatype)!r}: "
            f"{' or '.join(taken)} fits"
        )
    if column.type in _TAKEN:
        return values
    if gaps:
        return [None if one != one else one for one in values]
    if any(one != one for one in values):
        raise Malformed(
            f"the input {cut(tensor.name)!r} has NaN: with the parameter missing = nan it is a gap"
        )
    return values


def _outputs(asked: InferenceRequest, model: OnlineModel) -> Mapping[str, bool]:
    """Return the wanted outputs, each with whether it is sent in binary."""
    usual = asked.parameters.get("binary_data_output") is True
    if not asked.outputs:
        return dict.fromkeys(model.outputs, usual)
    unknown = [one.name for one in asked.outputs if one.name not in model.outputs]
    if unknown:
        raise Malformed(
            f"there is no output {cut(unknown[0])!r}: the model has {listed([*model.outputs])}"
        )
    return {one.name: one.parameters.get("binary_data", usual) is True for one in asked.outputs}


def _wanted(model: OnlineModel) -> str:
    return f"the model has the inputs {listed([*model.columns])}"


def written(
    asked: Asked, answered: Answered, model: str, version: int, request: str
) -> tuple[bytes, str]:
    """Return the body of an answer, and the length of its JSON if tensors follow it, else ""."""
    outputs: list[Tensor] = []
    parts: list[bytes] = []
    for name, binary in asked.outputs.items():
        values = answered.columns[name]
        kind = _GIVEN.get(values.dtype.kind, "BYTES")
        said = Tensor(name, [len(values)], kind)
        if binary:
            content = _packed(values, kind)
            said.parameters = {_SIZE: len(content)}
            parts.append(content)
        else:
            said.data = values.tolist()
        outputs.append(said)
    parameters: dict[str, JsonValue] = {"request": request}
    for one in answered.warnings:
        at = f"warned_{one.kind}"
        parameters[at] = int(str(parameters.get(at, 0))) + 1
    answer = InferenceAnswer(model, str(version), asked.id or request, parameters, outputs)
    head = msgspec.json.encode(answer)
    return b"".join((head, *parts)), str(len(head)) if parts else ""


def _packed(values: np.ndarray[Any, Any], kind: str) -> bytes:
    """Return a tensor in binary."""
    if kind == "BYTES":
        texts = [str(one).encode() for one in values.tolist()]
        return b"".join(struct.pack("<I", len(one)) + one for one in texts)
    if kind == "BOOL":
        return values.astype(np.uint8).tobytes()
    return values.astype(_NUMBERS[kind]).tobytes()


def described(
    name: str, version: int, versions: Sequence[int], model: OnlineModel
) -> ModelMetadata:
    """Return the metadata of a version: its inputs and outputs, and the verdict on its plan."""
    plan = {f"plan_{key}": value for key, value in msgspec.to_builtins(model.verdict()).items()}
    plan["plan"] = plan.pop("plan_plan")
    return ModelMetadata(
        name,
        [str(one) for one in versions],
        "autolearn_sklearn",
        [
            TensorMetadata(column.name, _TAKEN.get(column.type, ("FP64",))[0], [-1])
            for column in model.columns.values()
        ],
        [
            TensorMetadata(one, _GIVEN.get(kind, "BYTES"), [-1])
            for one, kind in model.outputs.items()
        ],
        {"version": str(version), **plan},
    )

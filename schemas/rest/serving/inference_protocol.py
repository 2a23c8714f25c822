"""The Open Inference Protocol, version 2 (KServe, `rest`): what is asked and answered in JSON."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from autolearn.schemas.values import JsonValue


class Tensor(Struct, omit_defaults=True):
    """A column of a request (an input) or answer (an output), of shape [rows] or [rows, 1].

    `datatype` is BOOL, BYTES (texts), FP16 to FP64, INT8 to INT64 or UINT8 to UINT64. Without
    `data` the values follow the JSON in binary, so many bytes as its parameter binary_data_size.
    """

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, JsonValue] = {}
    data: list[Any] | UnsetType = UNSET


class WantedOutput(Struct):
    """An output that is wanted; with the parameter binary_data it is sent in binary."""

    name: str
    parameters: dict[str, JsonValue] = {}


class InferenceRequest(Struct):
    """Rows to answer. Without `outputs` all are sent.

    Parameters: missing = nan makes NaN a gap; binary_data_output sends all outputs in binary.
    """

    inputs: list[Tensor]
    id: str = ""
    parameters: dict[str, JsonValue] = {}
    outputs: list[WantedOutput] = []


class InferenceAnswer(Struct):
    """The answers to rows, in their order.

    Parameters: `request` is the id in the prediction log, also the `id` if none was sent; and
    warned_unseen, warned_outside and warned_gap count the warnings.
    """

    model_name: str
    model_version: str
    id: str
    parameters: dict[str, JsonValue]
    outputs: list[Tensor]


class ServerMetadata(Struct):
    """The server, and the extensions of the protocol that it knows."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(Struct):
    """Whether the process runs; if it has failed, with the `error`."""

    live: bool
    error: str | UnsetType = UNSET


class ServerReady(Struct):
    """Whether the registry is known, else the `error`; and how old what is known of it may be."""

    ready: bool
    error: str | UnsetType = UNSET
    registry_age_seconds: float | UnsetType = UNSET
    models_loaded: int | UnsetType = UNSET
    models_loaded_bytes: int | UnsetType = UNSET


class TensorMetadata(Struct):
    """An input or output of a version; -1 is the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Struct):
    """A version of a model: its inputs and outputs.

    Parameters: the `version` that answers, and the verdict on its `plan` (plan_rows, plan_identical
    and so on).
    """

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, JsonValue]


class ModelReady(Struct):
    """A model that answers."""

    name: str
    ready: bool


class InferenceError(Struct):
    """Why a request of the protocol was refused, and what to do."""

    error: str

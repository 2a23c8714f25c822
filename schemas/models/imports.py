"""A model that was made elsewhere: the files that are sent, and what is known of it."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.values import Column, JsonValue

SKOPS, ONNX = "model.skops", "model.onnx"
SCHEMA, EXAMPLES = "schema.json", "examples.csv"
"""The files of the zip file that is sent: one of the two models, and these."""


class ImportFacts(Struct, frozen=True):
    """The facts about an imported model that its version has, with its prediction `methods`.

    `estimator` is its class, or onnx; `library_version` the version of scikit-learn that has
    written it, or of ONNX Runtime here. `sensitive` are columns, and perhaps the target; `classes`
    those that may be named. The `environment` is that of the check.
    """

    estimator: str
    task: str
    target: str | None
    library_version: str
    schema_hash: str
    features: tuple[str, ...]
    methods: tuple[str, ...]
    columns: tuple[Column, ...]
    environment: dict[str, JsonValue]
    sensitive: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

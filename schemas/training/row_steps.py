"""The row-wise steps of a pipeline that are part of a model."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.values import JsonValue


class RowStep(Struct, frozen=True, omit_defaults=True):
    """A step that makes each row of its result from one row: a function of a package.

    Its sources had the SHA-256 `digest` (hex).
    """

    function: str
    package: str
    package_version: str
    digest: str
    parameters: dict[str, JsonValue]

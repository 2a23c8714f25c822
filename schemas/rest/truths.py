"""The answers about truths: what a model should have answered."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.values import JsonValue


class RowTruth(Struct, frozen=True):
    """What a row of a request is in truth, who said so, and when."""

    row: int
    value: str | float
    actor: str
    time: str


class JoinedTruth(Struct, kw_only=True, frozen=True):
    """A row's answer beside its truth."""

    request: str
    row: int
    version: int
    predicted: str | float
    truth: str | float
    actor: str
    time: str


class VersionQuality(Struct, kw_only=True, frozen=True):
    """How right a version was: so many rows answered, so many with a truth, and the metrics.

    Those of a classification are accuracy and f1 (the macro average), of a regression rmse and mae.
    """

    version: int
    rows: int
    truths: int
    metrics: dict[str, float] = {}


class ModelTruths(Struct, kw_only=True, frozen=True):
    """The answers since a time with their truths, and the metrics by version.

    `items` are the answers that were given last. If more was asked since then than is looked at in
    one request, it is not `whole`, and `since` a later time than was asked for.
    """

    model: str
    since: str
    whole: bool
    versions: list[VersionQuality]
    items: list[JoinedTruth]


class UnlabelledRow(Struct, kw_only=True, frozen=True):
    """A row that was answered and has no truth yet.

    `certainty` is the highest probability; None for a regression, and without probabilities.
    """

    request: str
    row: int
    time: str
    version: int
    predicted: str | float
    inputs: dict[str, JsonValue]
    certainty: float | None = None


class Unlabelled(Struct, kw_only=True, frozen=True):
    """Rows without a truth since a time, the least certain first; `rows` counts all of them.

    `labels` are those that may be given; none for a number. `whole` and `since` as in
    `ModelTruths`.
    """

    model: str
    since: str
    whole: bool
    rows: int
    labels: list[str]
    items: list[UnlabelledRow]


class AddedTruths(Struct, frozen=True):
    """How many truths were added, how many of these replaced another, and how many were known."""

    model: str
    added: int
    replaced: int = 0
    same: int = 0

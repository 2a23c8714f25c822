"""The answers about labels: what rows of a dataset are."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.datasets.labels import LabelValue
from autolearn.schemas.values import JsonValue


class DatasetLabel(Struct, frozen=True, gc=False):
    """What a row of a version is, who said so, and when. Rows are numbered from 0."""

    row: int
    value: LabelValue
    actor: str
    time: str


class UnlabelledDatasetRow(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A row that has neither a value of the target nor a label.

    `predicted` is what the model says that was asked, and `certainty` the highest probability.
    """

    row: int
    values: dict[str, JsonValue]
    predicted: str | float | None = None
    certainty: float | None = None


class UnlabelledRows(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Rows of a version without a label; `rows` counts all of them, `labelled` the labelled ones.

    They come in order; or, with a `model`, the least certain of the first `looked` ones first.
    `classes` are the known labels, by the data or else the model; values of the `hidden` columns,
    which are sensitive, are null. The target is `new` if the version has no value of it.
    """

    dataset: str
    version: str
    target: str
    rows: int
    labelled: int
    items: list[UnlabelledDatasetRow]
    classes: list[str] = []
    hidden: list[str] = []
    new: bool = False
    model: str = ""
    looked: int = 0


class AddedLabels(Struct, kw_only=True, frozen=True):
    """How many labels were added, how many of these replaced another, and how many were known."""

    dataset: str
    version: str
    target: str
    added: int
    replaced: int = 0
    same: int = 0

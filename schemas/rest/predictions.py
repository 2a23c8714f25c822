"""The answers about the prediction log."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from autolearn.schemas.records.prediction import PRODUCTION, Erasure, Purpose
from autolearn.schemas.records.prediction_hour import FeatureCounts, TruthCounts
from autolearn.schemas.rest.truths import RowTruth


class RecordedPrediction(Struct, kw_only=True, frozen=True):
    """One answered request of the prediction log, by column: one value for each row.

    `duration` is in milliseconds, from the request to its record. `inputs` and `outputs` are None
    if they cannot be read any more: their key was shredded. With `shadow_of` it is what the shadow
    would have answered to that request. `truths` are what rows are in truth;
    None if too many truths came since then for a look at all. Of `erased` rows all values are None.
    """

    request: str
    time: str
    model: str
    version: int
    rows: int
    actor: str
    route: str
    client: str
    instance: str
    trace: str
    duration: float
    warned: dict[str, int]
    shadow_of: str = ""
    purpose: Purpose = PRODUCTION
    inputs: dict[str, list[Any]] | None = None
    outputs: dict[str, list[Any]] | None = None
    truths: list[RowTruth] | None = []
    erased: Erasure | None = None


class ErasedPredictions(Struct, frozen=True):
    """So many `rows` of so many `requests` were erased now, among `looked` records.

    `done` is the share of all records that is looked at; with `next` there is more to look at.
    """

    model: str
    requests: int
    rows: int
    looked: int
    done: float
    next: str | None = None


class ModelHour(Struct, kw_only=True, frozen=True):
    """What a version of a model answered in the hour from `hour` on (RFC 3339, UTC), in counts.

    `shadow` answers were given to nobody. `batch` ones are predictions of datasets, of which each
    is a request, by the hour of its end; they have no latencies and no `features`. Without `closed`
    the hour is not over, or late requests may come. `p50` and `p99` are milliseconds within which
    so many requests of 100 were answered, from `latencies`: requests by bucket, of which bucket k
    ends at 10**(k/20 - 2) ms. `warned` counts warnings by kind.

    `labels` counts rows by label, cluster or anomaly, `scores` by the highest probability or the
    predicted number, `features` by the values of a column, between the edges of the training. They
    are None if they cannot be read; those of `unreadable` requests are not in them.

    `truths` counts rows whose truth is known, whenever it was said. `metrics` are accuracy, or rmse
    and mae, of these rows; `truth_counts` are what they follow from, which can be added up.
    """

    hour: str
    model: str
    version: int
    shadow: bool
    batch: bool
    closed: bool
    requests: int
    rows: int
    unreadable: int
    warned: dict[str, int]
    p50: float | None
    p99: float | None
    latencies: dict[int, int]
    labels: dict[str, int] | None = None
    scores: FeatureCounts | None = None
    features: dict[str, FeatureCounts] | None = None
    truths: int = 0
    truth_counts: TruthCounts | None = None
    metrics: dict[str, float] = {}

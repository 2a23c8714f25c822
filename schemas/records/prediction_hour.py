"""The counts of what a version of a model answered in an hour, on `prediction-hours`."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET, Raw, Struct, UnsetType, field

_PER_DECADE, _LOWEST, _DECADES = 20, -2, 7
BUCKETS = _PER_DECADE * _DECADES + 1
"""The buckets of latencies with an end: bucket k ends at 10**(k/20 - 2) ms; one more has none."""


class PredictionHour(Struct, kw_only=True, omit_defaults=True):
    """The requests that a version answered in an hour (`2026-11-27T09`, UTC) of their times.

    The Kafka key is `<model>/<hour>/<version>`, with `/shadow` for answers that nobody was given,
    and `/batch` for predictions of datasets, by the hour of their ends, which have no latencies and
    no `features`; the newest record of a key counts. `warned` counts warnings by kind, `latencies`
    requests by bucket. `unreadable` requests count only here: their key was shredded before they
    were counted. `truths` counts rows whose truth is known, and `told` how often one was said: it
    only grows, so of two records about the same requests the one with more has the newer truths.

    The content (`HourContent`) is in `data`, or encrypted in `data_base64`: AES-256-GCM under a key
    derived (HKDF, RFC 5869) from the key `keyid` of the model, with the Kafka key as associated
    data. Without either it is lost.
    """

    model: str
    hour: str
    version: int
    shadow: bool = False
    batch: bool = False
    requests: int = 0
    rows: int = 0
    warned: dict[str, int] = {}
    latencies: dict[int, int] = {}
    unreadable: int = 0
    truths: int = 0
    told: int = 0
    keyid: str = ""
    data: Raw | UnsetType = UNSET
    data_base64: str | UnsetType = UNSET

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{self.model}/{self.hour}/{self.version}{self.kind}"

    @property
    def kind(self) -> str:
        """The end of its key, "" for what users were answered."""
        return "/shadow" if self.shadow else "/batch" if self.batch else ""


class FeatureCounts(Struct, omit_defaults=True):
    """The values of a column, counted as at the training.

    Numbers are in `counts`, between `edges`; those outside are in the outer bins. Text is in
    `values`. `other` values are none of these, `missing` ones are gaps.
    """

    edges: list[float] = []
    counts: list[int] = []
    values: dict[str, int] = {}
    missing: int = 0
    other: int = 0


class TruthCounts(Struct, omit_defaults=True):
    """Rows with a truth: how many answers were `right`, and how often a label was answered.

    `pairs` has the rows by truth and by answer; pairs beyond the first 1,000 are in `other_pairs`.
    Of `numbers` there are the sums of the squared and of the absolute errors. All can be added up.
    """

    right: int = 0
    pairs: dict[str, dict[str, int]] = {}
    other_pairs: int = 0
    numbers: int = 0
    squared: float = 0.0
    absolute: float = 0.0

    def metrics(self, rows: int) -> dict[str, float]:
        """Return accuracy, or rmse and mae, of so many rows; {} without any."""
        if rows < 1:
            return {}
        if self.numbers:
            squared, absolute = max(0.0, self.squared), max(0.0, self.absolute)
            return {"rmse": (squared / rows) ** 0.5, "mae": absolute / rows}
        return {"accuracy": self.right / rows}


class HourContent(Struct, omit_defaults=True):
    """Rows by label (or cluster, or anomaly), and the histograms of scores and columns.

    A score is the highest probability of a row, or the predicted number. Labels beyond the first
    1,000 are in `other_labels`.
    """

    labels: dict[str, int] = {}
    other_labels: int = 0
    scores: FeatureCounts = field(default_factory=FeatureCounts)
    features: dict[str, FeatureCounts] = {}
    truths: TruthCounts = field(default_factory=TruthCounts)


def latency_quantile(latencies: Mapping[int, int], share: float) -> float | None:
    """Return the milliseconds within which a share of the requests was answered; None without any.

    It is interpolated within a bucket, on a logarithmic scale: the error is below 12 %.
    """
    wanted = share * sum(latencies.values())
    for bucket, many in sorted(latencies.items()):
        if wanted <= many:
            within = wanted / many if bucket else 1.0
            return round(10 ** ((bucket - 1 + within) / _PER_DECADE + _LOWEST), 3)
        wanted -= many
    return None

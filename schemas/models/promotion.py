"""What a promotion requires, and the evidence for it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autolearn.schemas.values import DatasetRef, RunId

Comparison = Literal[">=", ">", "<=", "<"]


class Requirement(Struct, frozen=True, omit_defaults=True):
    """What a version must show before it is promoted: its metric, compared with a bound.

    The bound is `plus`, or with `alias` the same metric of the version with that alias, plus
    `plus`. So `f1 >= champion + 0.01` is Requirement("f1", ">=", "champion", 0.01).
    """

    metric: str
    comparison: Comparison
    alias: str = ""
    plus: float = 0.0

    def holds(self, value: float, other: float) -> bool:
        """Return whether a value meets it, beside that of the version with `alias` (or 0.0)."""
        bound = other + self.plus
        match self.comparison:
            case ">=":
                return value >= bound
            case ">":
                return value > bound
            case "<=":
                return value <= bound
            case "<":
                return value < bound

    def __str__(self) -> str:
        if not self.alias:
            return f"{self.metric} {self.comparison} {self.plus:g}"
        if not self.plus:
            return f"{self.metric} {self.comparison} {self.alias}"
        sign = "+" if self.plus > 0 else "-"
        return f"{self.metric} {self.comparison} {self.alias} {sign} {abs(self.plus):g}"


class VersionMetric(Struct, frozen=True):
    """The value of a metric of a version, by an evaluation of its experiment.

    `rows_sha256` is the digest of which rows of the dataset were evaluated.
    """

    version: int
    evaluation: RunId
    value: float
    dataset: DatasetRef
    rows_sha256: str

    def is_on_rows_of(self, other: VersionMetric) -> bool:
        """Return whether both were measured on the same rows of the same dataset version."""
        same = self.dataset.is_content_of(other.dataset)
        return same and bool(self.rows_sha256) and self.rows_sha256 == other.rows_sha256


class GateEvidence(Struct, frozen=True, omit_defaults=True):
    """A requirement, with what was measured of the candidate, and of the version with its alias."""

    requirement: Requirement
    candidate: VersionMetric
    other: VersionMetric | None = None

    def __str__(self) -> str:
        mine, other = self.candidate, self.other
        if other is None:
            return f"version {mine.version} has {mine.value:.6g}"
        data = f"{mine.dataset.name}@{mine.dataset.version[:12]}"
        return (
            f"version {mine.version} has {mine.value:.6g}, and {self.requirement.alias} (version "
            f"{other.version}) {other.value:.6g}, on the same rows ({mine.rows_sha256[:12]}) of "
            f"{data}"
        )

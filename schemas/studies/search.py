"""The search spaces of studies: which values of hyperparameters may be tried."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autolearn.schemas.values import JsonValue, RunId

Sampler = Literal["tpe", "random", "grid"]

GRID_STEPS = 5
"""Values of a range in a grid."""
MOST_TRIALS = 1000
"""Trials of one study."""
MOST_PARALLEL = 64
"""Trials of one study at a time."""
PRUNED = "pruned"
"""The reason of a trial that ended early, for its folds were worse than the median."""


class Dimension(Struct, frozen=True, omit_defaults=True):
    """The values of one hyperparameter that may be tried.

    They are `choices`; without any, the numbers from `low` to `high` (both inclusive), `integer`
    ones or all. With `log` their logarithm is uniform.
    """

    choices: tuple[JsonValue, ...] = ()
    low: float = 0.0
    high: float = 0.0
    integer: bool = False
    log: bool = False

    def __str__(self) -> str:
        if self.choices:
            return "one of " + ", ".join("none" if v is None else str(v) for v in self.choices)
        return f"{self.low:g} to {self.high:g}{', by logarithm' if self.log else ''}"


class StudyCandidate(Struct, frozen=True, omit_defaults=True):
    """An estimator that a study tries: with fixed `hyperparameters`, and those of the `space`."""

    estimator: str
    library_version: str
    hyperparameters: dict[str, JsonValue] = {}
    space: dict[str, Dimension] = {}


class Versus(Struct, frozen=True, omit_defaults=True):
    """The best trial of a study against another one, by the same folds.

    `difference` is the mean of the metric's differences, positive if the best trial is better.
    `p_value` is two-sided, by the corrected resampled t-test; None where it is undefined.
    """

    training: RunId
    trial: int
    score: float
    difference: float
    p_value: float | None = None

"""The trainings that a grid of hyperparameters stands for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from autolearn.client.sdk.errors import BadArgument

Grid = Mapping[str, Mapping[str, Any]] | Sequence[str]
"""Hyperparameters by estimator, of which a list stands for each of its values; or estimators."""

_MOST = 1_000
"""The most trainings of a grid."""


class Candidate(NamedTuple):
    """An estimator with its hyperparameters."""

    estimator: str
    hyperparameters: dict[str, Any]


def expanded(grid: Grid) -> list[Candidate]:
    """Return every combination of the values, in the order in which they are written.

    A tuple is one value, a list several.

    Raises:
        BadArgument: there is nothing to train, or too much.
    """
    if isinstance(grid, str):
        grid = [grid]
    by_estimator = grid if isinstance(grid, Mapping) else {name: {} for name in grid}
    axes = {
        estimator: [value if isinstance(value, list) else [value] for value in given.values()]
        for estimator, given in by_estimator.items()
    }
    many = sum(math.prod(map(len, values)) for values in axes.values())
    if not 0 < many <= _MOST:
        raise BadArgument(
            f"That is a grid of {many:,} trainings; one has 1 to {_MOST:,}.",
            advice="Give fewer values." if many else "Give each list a value.",
        )
    return [
        Candidate(estimator, dict(zip(by_estimator[estimator], values, strict=True)))
        for estimator, lists in axes.items()
        for values in product(*lists)
    ]

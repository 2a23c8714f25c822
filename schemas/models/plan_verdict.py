"""How the plan of a loaded version compares with scikit-learn."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class PlanVerdict(Struct, frozen=True):
    """What answers, and how it compares with scikit-learn over rows of the training.

    `plan` is `whole`; `features`, where scikit-learn's estimator answers for the plan's features;
    or `none`, for a `reason`. `rows` were compared, also with gaps and one by one. `identical`
    means bit by bit; `largest_difference` is that of two numbers of the answers.
    """

    plan: Literal["whole", "features", "none"]
    reason: str = ""
    rows: int = 0
    identical: bool = True
    labels_equal: bool = True
    largest_difference: float = 0.0

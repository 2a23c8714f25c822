"""How the plan of a loaded version compares with scikit-learn."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Together = Literal["", "features", "answers"]


class PlanVerdict(Struct, frozen=True):
    """What answers, and how it compares with scikit-learn.

    `plan` is `whole`; `features`, where scikit-learn's estimator answers for the plan's features;
    or `none`, for a `reason`. `rows` were compared at loading (examples, and rows drawn from the
    profile of the training, also with gaps and one by one); `held_out` rows, also with gaps, in the
    training, 0 if that was in another environment; `unseen` with categories that were not in it.
    `identical` means bit by bit; `largest_difference` is that of two numbers of the answers.
    `together` says what is computed for several requests at once: their answers, or only the
    features, where an estimator may answer a row otherwise among others; "": nothing.
    """

    plan: Literal["whole", "features", "none"]
    reason: str = ""
    rows: int = 0
    identical: bool = True
    labels_equal: bool = True
    largest_difference: float = 0.0
    held_out: int = 0
    unseen: int = 0
    together: Together = ""

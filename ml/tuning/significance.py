"""Whether one trial is better than another one by more than chance."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from scipy.special import stdtr

_SAME = 1e-9
"""The deviation, in parts of the mean, below which differences are equal but for rounding."""


def corrected_t_test(
    ours: Sequence[float | None], others: Sequence[float | None]
) -> tuple[float, float | None]:
    """Return the mean difference over the folds, and its two-sided p-value.

    The corrected resampled t-test: folds share training rows, so the variance of the differences is
    weighted by 1/n + (rows scored / rows fitted on) instead of 1/n. Source: C. Nadeau and Y.
    Bengio, "Inference for the generalization error", Machine Learning 52 (2003), 239-281. The p is
    None with fewer than two folds, or if all differences are equal. Folds without a value of both
    do not count.
    """
    pairs = zip(ours, others, strict=True)
    found = [a - b for a, b in pairs if a is not None and b is not None]
    if not found:
        return 0.0, None
    mean = math.fsum(found) / len(found)
    variance = statistics.variance(found) if len(found) > 1 else 0.0
    if variance <= (_SAME * mean) ** 2:
        return mean, None
    scored_to_fitted = 1 / (len(ours) - 1)
    t = mean / math.sqrt((1 / len(found) + scored_to_fitted) * variance)
    return mean, float(2 * stdtr(len(found) - 1, -abs(t)))

"""The interval of a proportion."""

from __future__ import annotations

from math import sqrt

_Z = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution: for a 95 % interval."""


def wilson(share: float, rows: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion observed in so many independent rows.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927), 209-212; without correction for continuity.
    """
    square = _Z**2 / rows
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * sqrt(share * (1 - share) / rows + square / (4 * rows))
    return max(0.0, middle - half), min(1.0, middle + half)

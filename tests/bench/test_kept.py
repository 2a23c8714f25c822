"""A figure that became worse is named, on another machine too if it has a bare one beside it."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import Aim

KEPT = {"p50": 10.0, "floor": 2.0, "rate": 100.0, "machine": "here"}


@pytest.mark.parametrize(
    ("aim", "key", "now", "worse"),
    [
        (Aim("", 5, beside="floor"), "p50", {"p50": 20.0, "floor": 4.0, "machine": "there"}, 0.0),
        (Aim("", 5, beside="floor"), "p50", {"p50": 15.0, "floor": 2.0, "machine": "there"}, 0.5),
        (Aim("", 5), "p50", {"p50": 12.0, "machine": "here"}, 0.2),
        (Aim("", 5), "p50", {"p50": 12.0, "machine": "there"}, 0.0),
        (Aim("", 5, at_least=True), "rate", {"rate": 50.0, "machine": "here"}, 1.0),
        (Aim(""), "p50", {"p50": 99.0, "machine": "here"}, 0.0),
        (Aim("", 5), "new", {"new": 99.0, "machine": "here"}, 0.0),
    ],
)
def test_how_much_worse_a_figure_is(aim: Aim, key: str, now: dict[str, float], worse: float):
    assert aim.worse(key, now, KEPT) == pytest.approx(worse)

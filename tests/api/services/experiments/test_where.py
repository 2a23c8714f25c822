"""Conditions on the figures of a training: what they mean, and how wrong ones are refused."""

import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.services.experiments.where import MOST_CONDITIONS, conditions_in

METRICS = ("f1", "f0.5", "recall", "top-2-accuracy")
FIGURES = {
    "f1": 0.8,
    "recall:yes": 0.5,
    "f1 (folds)": 0.7,
    "cost (logged)": -12.5,
    "fit_seconds": 3,
}


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ("f1 > 0.8", False),
        ("f1>=.8", True),
        ("f1 = 0.8", True),
        ("f1 == 8e-1 and f1 != 1", True),
        ("f1 < 1 AND recall:yes <= 0.5", True),
        ("recall > 0.4", True),
        ("recall:no > 0", False),
        ("f1 (folds) < 0.75", True),
        ('"cost (logged)" < -12 and fit_seconds >= +3.', True),
        ("f1 < 1 and top-2-accuracy > 0", False),
        ("f0.5 != 1", False),
    ],
)
def test_all_conditions_must_hold_of_figures_that_are_there(given: str, holds: bool):
    assert all(one.holds(FIGURES) for one in conditions_in(given, METRICS)) == holds


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "At 'the end'"),
        ("f1", "At 'f1' it is no condition"),
        ("f1 > high", "At 'f1 > high'"),
        ("f1 > 1 or f1 < 0", "At 'or f1 < 0'"),
        ("f1 > 1 and", "At 'the end'"),
        ("f1 > 1; rm", "At '; rm'"),
        ("precison > 1", "There is no metric 'precison'"),
        ("recal:yes > 1", "Did you mean 'recall'?"),
        (" and ".join(["f1 > 0"] * (MOST_CONDITIONS + 1)), f"At most {MOST_CONDITIONS}"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(given: str, words: str):
    with pytest.raises(Problem) as raised:
        conditions_in(given, METRICS)
    assert (raised.value.status_code, raised.value.kind) == (422, "invalid-where")
    assert words in raised.value.detail

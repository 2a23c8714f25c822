"""A figure that became worse is named, on another machine too if it has a bare one beside it."""

from __future__ import annotations

import subprocess
import sys
from pkgutil import resolve_name

import pytest

from tests.bench.__main__ import BENCHES, Aim

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


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_is_there(name: str):
    assert callable(resolve_name(BENCHES[name].run))


def test_the_figure_of_memory_does_not_count_what_other_benches_import():
    code = "import sys, tests.bench.__main__, tests.bench.main_job; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "pandas", "sklearn", "optuna"} & set(loaded.stdout.split())

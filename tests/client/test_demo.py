"""`autolearn demo`, from end to end: what `make demo` promises."""

import re
from pathlib import Path

import msgspec
import pytest

from autolearn.client.demo_compare import Snapshot, differences
from autolearn.client.resources import Experiment
from tests.client.processes import run_alone

ROOT = Path(__file__).parents[2]


@pytest.mark.kafka
@pytest.mark.long
def test_the_story_ends_with_the_same_state(tmp_path):
    home = tmp_path / "home"
    said = run_alone("demo", "--home", home)
    assert said.returncode == 0, said.stdout + said.stderr
    for model in ("logistic-regression", "decision-tree", "random-forest", "svm", "naive-bayes"):
        for data in ("breast-cancer", "penguins"):
            assert f"{model} on {data}: ✓ completed" in said.stderr
    assert said.stdout.count("deleted state/") >= 6
    for view in ("answers", "catalog", "experiments", "sessions"):
        assert re.search(rf"^{view} +(\w{{8}}) +\1 +equal", said.stdout, re.MULTILINE)
    assert "The rebuilt state is the same" in said.stdout
    assert not (home / "up.json").exists()


def test_what_differs_is_told_view_by_view_and_line_by_line():
    experiment = Experiment(
        id="e", title="a", created="1", committed="2", counts={}, trainings=[], evaluations=[]
    )
    before = Snapshot({"sessions": "aa", "answers": "bb"}, experiment)
    other = msgspec.structs.replace(experiment, title="b")
    after = Snapshot({"sessions": "aa", "answers": "cc"}, other)
    assert differences(before, before) == []
    found = differences(before, after)
    assert found[0] == "view answers: bb before, cc after"
    assert '-  "title": "a",' in found
    assert '+  "title": "b",' in found


def test_the_csv_that_ships_with_the_package_is_the_example():
    shipped = ROOT / "client" / "penguins.csv"
    assert shipped.read_bytes() == (ROOT / "examples" / "penguins.csv").read_bytes()

"""The examples of pipelines, as a user runs them: in their folders."""

import csv
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Laptop
from tests.support.cli_processes import Desk

pytestmark = pytest.mark.kafka

EXAMPLES = Path(__file__).parents[4] / "examples" / "pipelines"


@pytest.fixture(scope="module")
def desk(laptop: Laptop, config: Path) -> Desk:
    return Desk(laptop.home, config)


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example that the test is named after, which is the current folder."""
    name = re.sub(r"test_(\w+?)_.*", r"\1", request.node.name)
    monkeypatch.chdir(shutil.copytree(EXAMPLES / name, tmp_path / name))
    return tmp_path / name


def run(desk: Desk, folder: Path) -> list[dict[str, Any]]:
    """Run an example, and return its steps."""
    (file,) = folder.glob("*.yaml")
    steps: list[dict[str, Any]] = desk.says("pipeline", "run", file.name)["steps"]
    return steps


def done_again(desk: Desk, folder: Path) -> set[str]:
    """Run an example again, and return the kinds of the steps that are not cached."""
    return {step["kind"] for step in run(desk, folder) if step["status"] != "cached"}


def scores_of(desk: Desk, folder: Path) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Run an example; return the scores of its candidates, and those of the best."""
    steps = run(desk, folder)
    assert {step["status"] for step in steps} == {"completed"}
    gave: dict[str, dict[str, Any]] = {step["name"]: step["gave"] for step in steps}
    trained, scores = gave["train"]["trainings"], gave["evaluate"]["scores"]
    return [scores[one] for one in trained], scores.get(gave.get("compare", {}).get("best"), {})


def rows_of(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(file).read_text().splitlines()))


def test_classification_is_better_than_the_baseline(desk: Desk, folder: Path) -> None:
    scores, best = scores_of(desk, folder)
    rows = rows_of("newcomers-scores.csv")
    assert best["accuracy"] > 0.7 > scores[0]["accuracy"], "the first is the baseline"
    assert [row["customer"] for row in rows] == [
        row["customer"] for row in rows_of("newcomers.csv")
    ]
    assert {row["prediction"] for row in rows} == {"yes", "no"}
    assert done_again(desk, folder) == {"promote"}, "another version may answer by now"


def test_regression_is_better_than_the_baseline(desk: Desk, folder: Path) -> None:
    scores, best = scores_of(desk, folder)
    assert best["rmse"] == min(one["rmse"] for one in scores) < 60 < scores[0]["rmse"]
    assert len(rows_of("progression-predicted.csv")) == len(rows_of("patients.csv"))


def test_regression_of_fewer_rows_is_not_promoted(desk: Desk, folder: Path) -> None:
    ran = desk.says("pipeline", "run", "progression.yaml", "-p", "test=0.4")
    (promoted,) = (step for step in ran["steps"] if step["name"] == "promote")
    assert (ran["status"], promoted["gave"]["version"]) == ("completed", 2)
    why, flattered = promoted["gave"]["notes"]
    assert "version 2 is not promoted: " in why
    assert "version 1 may have learned from some of these rows" in flattered
    assert [one["status"] for one in ran["steps"]].count("cached") == 3, "up to the split"
    again = desk.says("pipeline", "run", "progression.yaml", "--from", "promote")
    (promoted,) = (step for step in again["steps"] if step["name"] == "promote")
    assert promoted["gave"]["notes"][-1] == "version 1 answers as champion already"


def test_clustering_finds_the_cultivars_that_it_has_not_seen(desk: Desk, folder: Path) -> None:
    scores_of(desk, folder)
    together = Counter((row["cultivar"], row["cluster"]) for row in rows_of("wine-kinds.csv"))
    most = [max(many for (_, one), many in together.items() if one == c) for c in ("0", "1", "2")]
    assert sum(together.values()) == 178
    assert sum(most) > 0.95 * 178


def test_anomaly_finds_the_faults_that_it_has_not_seen(desk: Desk, folder: Path) -> None:
    scores_of(desk, folder)
    rows = rows_of("pump-watched.csv")
    found = [row["fault"] for row in rows if row["anomaly"] == "true"]
    assert len(rows) == 480
    assert 8 <= sum(fault != "none" for fault in found) == len(found), "no false alarm"


def test_forecast_is_better_than_the_naive_ones(desk: Desk, folder: Path) -> None:
    scores_of(desk, folder)
    (ran,) = desk.says("pipeline", "runs", "town-load", "--limit", "1")["items"]
    steps = desk.says("pipeline", "run-show", ran["id"])["steps"]
    gave = {step["name"]: step["gave"] for step in steps}
    for horizon, best in gave["compare"]["bests"].items():
        naive = gave["evaluate"]["naive"][horizon]
        assert gave["evaluate"]["scores"][best]["mae"] < min(one["mae"] for one in naive.values())
    assert gave["promote"]["versions"] == {"town-load-1d": 1, "town-load-7d": 1}
    rows = rows_of("town-load-forecasts.csv")
    assert len(rows) == len(rows_of("load.csv")) - 6, "the first days have no lag"
    assert {"load in 1d", "load in 7d"} < rows[0].keys()
    assert done_again(desk, folder) == {"promote"}, "another version may answer by now"

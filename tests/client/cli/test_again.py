"""A kept experiment over the command line: its trainings once more, and what a model card says."""

import uuid
from pathlib import Path

import pytest

from tests.client.conftest import Laptop
from tests.support.cli_processes import Desk

pytestmark = pytest.mark.kafka

LINE = "{id},{age},{plan},{churned}\n"


def rows(count: int) -> str:
    """A table whose classes follow from its columns, but for some rows."""
    lines = [
        LINE.format(
            id=f"c{n}",
            age=20 + n % 50,
            plan="ab"[n % 2],
            churned="yes" if (n % 50 > 24) is (n % 7 > 0) else "no",
        )
        for n in range(count)
    ]
    return "id,age,plan,churned\n" + "".join(lines)


@pytest.fixture(scope="module")
def desk(laptop: Laptop, config: Path) -> Desk:
    return Desk(laptop.home, config)


@pytest.fixture
def name(desk: Desk, tmp_path: Path) -> str:
    """A dataset, which an experiment with the same title has used."""
    name = f"churn-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "churn.csv"
    file.write_text(rows(200))
    desk.does("dataset", "add", file, "--name", name, "--target", "churned", "--role", "id=id")
    desk.does("session", "open", "--title", name)
    chosen = ["--calibrate", "sigmoid", "--threshold", "0.4:yes", "--select", "1"]
    desk.does("train", "decision-tree", name, "-p", "max_depth=3", "--metrics", "f1", *chosen)
    desk.does("session", "commit")
    return name


def test_trainings_are_repeated_on_the_newest_version(desk: Desk, name: str, tmp_path: Path):
    (old,) = desk.says("experiment", "show", name)["trainings"]
    file = tmp_path / "churn.csv"
    file.write_text("".join(f"{line},x\n" for line in rows(300).splitlines()))
    file.write_text(file.read_text().replace("churned,x", "churned,later", 1))
    desk.does("dataset", "add", file, "--name", name, "--accept-changes")
    opened = desk.does("session", "open", "--from", name)
    assert f"  {old['id'][:8]} decision-tree on {name}\n" in opened
    assert f"autolearn train --again {old['session'][:8]}" in opened
    desk.does("train", "--again", name)
    found = desk.says("session", "show")
    (new,), (measured,) = found["trainings"], found["evaluations"]
    assert found["title"] == name
    assert new["dataset"]["version"] != old["dataset"]["version"]
    assert (new["rows_train"], new["features"]) == (225, ["age", "plan"])
    assert (old["calibrate"], old["threshold"]) == ("sigmoid", "0.4:yes")
    same = ("estimator", "hyperparameters", "split", "preprocessing", "seed", "target")
    same += ("calibrate", "threshold")
    assert {field: new[field] for field in same} == {field: old[field] for field in same}
    assert (measured["held_out"], "f1" in measured["results"]) == (True, True)
    version = old["dataset"]["version"]
    desk.does("train", "--again", old["id"][:8], "--dataset", f"{name}@{version[:12]}")
    *_, again = desk.says("session", "show")["trainings"]
    assert again["artifact"]["files"]["model.skops"] == old["artifact"]["files"]["model.skops"]
    assert "identical artifact" in desk.does("reproduce", new["id"])


def test_again_takes_no_other_settings(desk: Desk, name: str) -> None:
    for words in (["svm"], ["--seed", "1"], ["--metrics", "f1"], ["-p", "C=1"]):
        said = desk("train", "--again", name, *words)
        assert (said.code, "it repeats the estimator and all settings" in said.err) == (2, True)
    said = desk("train", "svm")
    assert (said.code, "name an estimator and a dataset" in said.err) == (2, True)
    said = desk("session", "open", "--again")
    assert (said.code, "name the experiment with --from" in said.err) == (2, True)


def test_a_model_card_says_what_is_known_but_no_sensitive_value(
    desk: Desk, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "card.md"
    desk.does("evaluate", name, "--plots", "roc,partial-dependence")
    assert desk.does("experiment", "card", name, "-o", file) == f"Wrote {file}\n"
    card = file.read_text()
    assert card.startswith(f"# Model card: {name}\n")
    for words in (
        "## Training data",
        "| rows | 200 |",
        "| id | text | left out: an id | 0 | 200 |",
        "| split | 25 % held out, stratified, seed 0 |",
        "max_depth=3",
        '(always "no")',
        "| class | f1 |",
        "| calibration | sigmoid |",
        "| threshold | yes from a probability of 0.4",
        "## Evaluated since the commit",
        "Mean answer by the value of a column",
        "▁",
    ):
        assert words in card, words
    assert "Sensitive columns" not in card
    desk.does("dataset", "describe", name, "--sensitive", "churned,plan")
    hidden = desk.does("experiment", "card", name)
    assert "Sensitive columns, of which this card shows no values: churned, plan." in hidden
    for words in ("yes", "| class |", "classes", "▁"):
        assert words not in hidden, words
    said = desk("experiment", "card", "nothing of that name")
    assert (said.code, said.out) == (4, "")

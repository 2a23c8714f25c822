"""A kept model is used over the command line: predictions, and evaluations since the commit."""

import csv
import json
import uuid
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from tests.client.conftest import Laptop
from tests.support.cli_processes import Desk

pytestmark = pytest.mark.kafka

ROWS = "flower,sepal_length,sepal_width,petal_length,petal_width\n"
ROWS += "f1,5.1,3.5,1.4,0.2\nf2,6.3,3.3,6.0,2.5\n"


@pytest.fixture(scope="module")
def desk(laptop: Laptop, config: Path) -> Desk:
    return Desk(laptop.home, config)


@pytest.fixture(scope="module")
def kept(desk: Desk) -> str:
    """The title of an experiment that keeps one training."""
    title = f"kept {uuid.uuid4().hex[:8]}"
    desk.does("session", "open", "--title", title)
    desk.does("train", "naive-bayes", "iris")
    desk.does("session", "commit")
    return title


@pytest.fixture
def june(tmp_path: Path) -> Path:
    file = tmp_path / "june.csv"
    file.write_text(ROWS)
    return file


def test_rows_come_out_in_their_order_and_what_is_odd_is_said(
    desk: Desk, kept: str, june: Path
) -> None:
    said = desk("predict", kept, june, "--with-input")
    assert said.code == 0, said.err
    lines = list(csv.DictReader(StringIO(said.out)))
    assert [(one["flower"], one["prediction"]) for one in lines] == [
        ("f1", "setosa"),
        ("f2", "virginica"),
    ]
    assert f"experiment  {kept}" in said.err
    assert "Predicted 2 rows: setosa 1, virginica 1.\n" in said.err
    said = desk("predict", kept, june, "-o", "json")
    assert [json.loads(line)["prediction"] for line in said.out.splitlines()] == [
        "setosa",
        "virginica",
    ]
    assert "not used by the model: flower\n" in said.err
    out = june.with_name("scored.parquet")
    said = desk("predict", kept, june, "--out", out)
    assert (said.code, said.out) == (0, "")
    assert pd.read_parquet(out)["prediction"].tolist() == ["setosa", "virginica"]
    assert f"Predicted 2 rows into {out}" in said.err.replace("\n", " ")
    to = june.with_name("scored.jsonl")
    desk.does("predict", kept, june, "--to", to)
    assert json.loads(to.read_text().splitlines()[1])["prediction"] == "virginica"


def test_what_cannot_be_predicted_is_said(desk: Desk, kept: str, june: Path) -> None:
    june.write_text(ROWS.replace("petal_width", "width"))
    said = desk("predict", kept, june)
    assert (said.code, said.out) == (4, "")
    assert "june.csv lacks petal_width: it must have the columns of iris that the model" in said.err
    said = desk("predict", kept)
    assert said.code == 2
    assert "give a file of rows" in said.err
    said = desk("predict", kept, june.with_name("none.csv"))
    assert (said.code, "there is no file" in said.err) == (2, True)
    said = desk("predict", "nothing of that name", june)
    assert (said.code, "No experiment of yours" in said.err) == (4, True)


def test_several_trainings_are_listed_and_standard_input_is_a_file(desk: Desk, june: Path) -> None:
    title = f"several {uuid.uuid4().hex[:8]}"
    desk.does("session", "open", "--title", title)
    ids = [
        desk.says("train", estimator, "iris", "--metrics", "accuracy")["training"]["id"]
        for estimator in ("naive-bayes", "svm")
    ]
    june_in = desk("predict", ids[1][:8], june)  # in the open session
    assert june_in.code == 0, june_in.err
    assert f"session  {title}" in june_in.err
    desk.does("session", "commit")
    said = desk("predict", title, june)
    assert (said.code, said.out) == (4, "")
    assert f"- {ids[0][:8]} naive-bayes accuracy 0." in said.err
    assert f"- {ids[1][:8]} svm accuracy 0." in said.err
    with june.open() as file:
        piped = desk("predict", ids[1][:8], "-", stdin=file)
    assert piped.code == 0, piped.err
    assert len(piped.out.splitlines()) == 3
    (one,) = [
        one
        for one in desk.says("experiment", "show", title)["predictions"]
        if one["dataset"]["name"] == "standard input"
    ]
    assert (one["training"], one["sent"], one["rows"]) == (ids[1], True, 2)


def test_an_experiment_is_evaluated_on_new_data_and_shows_it_apart(desk: Desk, tmp_path: Path):
    title, name = (f"{word}-{uuid.uuid4().hex[:8]}" for word in ("measured", "june"))
    desk.does("session", "open", "--title", title)
    training = desk.says("train", "naive-bayes", "iris", "--metrics", "f1")["training"]["id"]
    desk.does("session", "commit")
    file = tmp_path / "june.csv"
    desk.does("dataset", "download", "iris", "-o", file)
    desk.does("dataset", "add", file, "--name", name, "--target", "species")
    said = desk("evaluate", title, "--dataset", name, "--metrics", "accuracy")
    assert said.code == 0, said.err
    assert f"experiment  {title}" in said.err
    late = desk.says("evaluate", training[:8], "--dataset", name, "--metrics", "f1")
    assert (late["training"], late["status"]) == (training, "completed")
    shown = desk.does("experiment", "show", title)
    before, _, since = shown.partition("Evaluated since the commit\n")
    assert late["id"][:8] in since
    assert late["id"][:8] not in before
    assert "held-out rows" in before
    assert name in since
    said = desk("cancel", late["id"][:8], "--session", title)
    assert (said.code, "ended" in said.err) == (4, True)


def test_a_model_predicts_a_dataset_into_a_file_or_a_dataset(
    desk: Desk, kept: str, tmp_path: Path
) -> None:
    name, scored = (f"{word}-{uuid.uuid4().hex[:8]}" for word in ("scorer", "scored"))
    desk.does("model", "publish", name, kept)
    file = tmp_path / "scored.parquet"
    said = desk("predict", name, "--dataset", "iris", "--to", file)
    assert (said.code, said.out) == (0, ""), said.err
    assert f"Predicted 150 rows by {name}@1 into" in said.err
    assert pd.read_parquet(file)["prediction"].value_counts().sum() == 150
    said = desk("predict", f"{name}@1", "--dataset", "iris", "--to", f"dataset:{scored}")
    assert said.code == 0, said.err
    columns = [one["name"] for one in desk.says("dataset", "show", scored)["columns"]]
    assert columns[:2] == ["sepal_length", "sepal_width"]
    assert columns[-2:] == ["probability_versicolor", "probability_virginica"]
    printed = desk("predict", name, "--dataset", scored, "-o", "csv")
    assert printed.out.splitlines()[0].startswith('"prediction","probability_setosa"')
    for to, words in {
        tmp_path / "scored.xls": "has no ending of a known form",
        tmp_path / "none" / "scored.csv": "there is no folder",
        "dataset:iris": "comes with AutoLearn",
    }.items():
        said = desk("predict", name, "--dataset", "iris", "--to", to)
        assert (said.code, words in said.err, "waiting" in said.err) == (2, True, False), said.err
    said = desk("cancel", "0000", "--model", name)
    assert (said.code, f"No prediction of {name} begins with 0000" in said.err) == (4, True)
    none = desk("model", "backtest", name, "1", "--since", "1h")
    assert (none.code, f"Nothing was asked of {name}" in none.err) == (4, True), none.err
    row = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    desk.does("predict", name, json.dumps(row))
    both = tmp_path / "both.csv"
    said = desk("model", "backtest", name, "champion", "--since", "1h", "--out", both)
    assert (said.code, f"{name}@1: 1 of 1 row equal" in said.out) == (0, True), said.err
    assert pd.read_csv(both)["recorded_answer"].tolist() == ["setosa"]
    listed = desk.says("model", "backtests", name)["items"]
    assert [one["comparison"]["agreement"] for one in listed] == [1.0]

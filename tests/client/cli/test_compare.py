"""Comparisons on the command line: tables that fit, CSV, and what is compared."""

from __future__ import annotations

import csv
import io
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.json import encode
from msgspec.structs import replace
from rich.console import Console

from autolearn.client.cli.tables.comparison import comparison, write_csv
from autolearn.schemas.rest.annotations import Note
from autolearn.schemas.rest.comparisons import (
    ComparedMetric,
    ComparedOwner,
    ComparedTraining,
    Score,
    TrainingComparison,
)
from tests.support.cli_processes import Cli

S1 = str(uuid.UUID(int=1))
METRICS = ("accuracy", "balanced-accuracy", "f1", "precision", "recall", "roc-auc")


def line(name: str, estimator: str, settings: dict[str, Any], *values: float | None,
         **fields: Any) -> ComparedTraining:  # fmt: skip
    scores = {
        metric: Score(value=value, evaluation="e", rows=300)
        for metric, value in zip(METRICS, values, strict=False)
        if value is not None
    }
    if "accuracy" in scores:
        value = scores["accuracy"].value
        scores["accuracy"] = Score(
            value=value, evaluation="e", rows=300, low=value - 0.05, high=value + 0.04
        )
    about = {
        "number": 1, "baseline": False, "status": "completed", "fit_seconds": 0.1234, "links": {}
    } | fields  # fmt: skip
    return ComparedTraining(
        id=f"{name:a<8}-0000",
        session=S1,
        estimator=estimator,
        settings=settings,
        scores=scores,
        **about,
    )


LINES = [
    line("1", "dummy", {}, 0.8, 0.5, 0.44, 0.4, 0.5, 0.5, baseline=True),
    line("2", "logistic-regression",
         {"hyperparameters.class_weight": "balanced", "hyperparameters.C": 0.1,
          "preprocessing.scale": "none"}, 0.63, 0.61, 0.576, 0.598, 0.654, 0.69),
    line("3", "random-forest", {"hyperparameters.max_depth": None}, 0.8, None, 0.446),
    line("4", "svm", {}, status="failed", fit_seconds=None),
]  # fmt: skip
FOUND = TrainingComparison(
    owners=[ComparedOwner(S1, "session", "churn: v2", {})],
    on=None,
    sort="f1",
    shared={"dataset": f"c@{'a' * 64}", "target": "churned", "features": [], "split.test": 0.25},
    same_rows=True,
    baseline={"f1": 0.44},
    metrics=[
        ComparedMetric(
            name=name, metric=name, average="", folds=False, greater_is_better=True,
            best=LINES[0].id if name == "accuracy" else LINES[1].id,
        )
        for name in METRICS
    ],
    trainings=LINES,
)  # fmt: skip


def shown(
    width: int, found: TrainingComparison = FOUND, chosen: list[str] | None = None
) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False, soft_wrap=False)
    console.print(comparison(found, chosen, width))
    return [one.rstrip() for one in out.getvalue().splitlines()]


def the(words: str, lines: list[str]) -> str:
    (found,) = [one for one in lines if words in one]
    return found


@pytest.mark.parametrize("width", [80, 100, 160, 240])
def test_every_training_is_one_line_that_fits_and_no_name_is_cut(width: int):
    lines = shown(width)
    assert max(map(len, lines)) <= width
    for one in LINES:
        assert one.id[:8] in the(one.estimator, lines)
    head = the("estimator", lines)
    assert [name for name in head.split() if name in METRICS]
    assert head.split()[-2:] == ["fit", "s"]
    row = the("logistic-regression", lines)
    assert "class_weight=b" in row
    assert "0.5760" in row
    assert row.endswith("0.123")
    assert the("svm", lines).endswith("failed")
    assert "max_depth=null" in the("random-forest", lines)


def test_what_has_no_room_is_named():
    narrow, wide = shown(80), shown(160)
    assert the("estimator", narrow).split()[3:5] == ["f1", "accuracy"]
    assert the("balanced-", narrow).split() == ["balanced-"], "the head of the second, in two lines"
    said = " ".join(narrow)
    assert "No room for accuracy, precision, recall, roc-auc: choose with --metrics" in said
    assert "No room" not in " ".join(wide)
    assert "class_weight=balanced, C=0.1, scale=none" in the("logistic-regression", wide)
    chosen = shown(80, chosen=["recall", "roc-auc"])
    assert the("estimator", chosen).split()[3:5] == ["recall", "roc-auc"]
    assert "f1" not in the("estimator", chosen)


def test_tags_and_notes_leave_first():
    said = {
        "tags": ("best", "risky"),
        "notes": (Note("needs all columns", "ada", "2026-01-02T03:04:05.678Z"),),
    }
    found = replace(FOUND, trainings=[replace(LINES[0], **said), *LINES[1:]])
    narrow, wide = shown(80, found), shown(160, found)
    assert narrow == shown(80)
    assert "best, risky" in the(LINES[0].estimator, wide)
    assert "needs all columns" in the(LINES[0].estimator, wide)


def test_ids_and_scores_are_whole_beside_a_long_name():
    long = "hist-gradient-boosting-regressor"
    lines = [replace(one, estimator=long) for one in LINES]
    for width in (80, 84, 90):
        found = shown(width, replace(FOUND, trainings=lines))
        for one in lines:
            row = the(one.id[:8], found)
            assert long in row
            assert "…" not in row.partition(long)[0]
        assert "0.5760" in "".join(found)


def test_what_they_are_of_comes_first_and_the_baseline_last():
    lines = shown(160)
    assert lines[0] == "session churn: v2 (00000000): 4 trainings"
    assert lines[1] == "all with c@aaaaaaaa, target=churned, test=0.25"
    assert lines.index(the("dummy (baseline)", lines)) > lines.index(the("svm", lines))
    assert the("estimator", lines).split()[3] == "f1"  # by which the lines are sorted


def test_the_baseline_of_the_evaluations_stands_in_for_one_that_was_not_trained():
    lines = shown(160, replace(FOUND, trainings=LINES[1:]))
    assert the("baseline", lines).split() == ["baseline", "0.4400"]
    assert lines.index(the("baseline", lines)) > lines.index(the("svm", lines))
    assert "baseline" not in " ".join(shown(160, replace(FOUND, trainings=LINES[1:], baseline={})))


def test_the_best_are_bold():
    out = io.StringIO()
    Console(file=out, width=160, force_terminal=True, color_system="standard").print(
        comparison(FOUND, None, 160)
    )
    for line in out.getvalue().splitlines():
        bold = [part.split("\x1b")[0] for part in line.split("\x1b[1m")[1:]]
        if "random-forest" in line or "dummy" in line:
            assert bold == ["0.8000 ±0.045"]
        if "logistic" in line:
            assert [one.strip() for one in bold] == [
                "0.5760",
                "0.6100",
                "0.5980",
                "0.6540",
                "0.6900",
            ]


def test_what_a_reader_must_know_is_said():
    lines = " ".join(shown(240))
    assert "accuracy ±: half of its 95 % interval (Wilson)" in lines
    assert "(folds) ±" not in lines
    assert "not of the same rows" not in lines
    other = replace(FOUND, same_rows=False, on="june", metrics=[])
    lines = " ".join(shown(240, other))
    assert "The scores are not of the same rows, so they are not quite comparable." in lines
    assert "Nothing is evaluated on june" in lines


def test_the_mean_over_folds_is_shown_with_its_deviation():
    name = "f1 (folds)"
    column = ComparedMetric(name=name, metric="f1", average="", folds=True, greater_is_better=True,
                            best=LINES[3].id)  # fmt: skip
    line = replace(LINES[3], scores={name: Score(value=0.7, deviation=0.0123)})
    lines = shown(80, replace(FOUND, sort=None, metrics=[column], trainings=[line]))
    assert "0.7000 ±0.012" in the("svm", lines)
    assert "(folds) ±: the mean over the folds, and their standard deviation." in lines


def test_there_may_be_nothing_to_compare():
    empty = TrainingComparison(owners=FOUND.owners, on=None, sort=None, shared={}, same_rows=True,
                       metrics=[], baseline={}, trainings=[])  # fmt: skip
    assert shown(80, empty) == ["session churn: v2 (00000000): 0 trainings"]


def test_csv_has_whole_values():
    out = io.StringIO()
    write_csv(FOUND, ["f1", "roc-auc"], out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert list(rows[1]) == [
        *("training", "session", "estimator", "baseline", "status"),
        *("hyperparameters.class_weight", "hyperparameters.C", "preprocessing.scale"),
        *("hyperparameters.max_depth", "f1", "roc-auc", "fit_seconds", "tags", "note"),
    ]
    assert rows[0]["baseline"] == "true"
    assert (rows[1]["training"], rows[1]["f1"]) == (LINES[1].id, "0.576")
    assert (rows[1]["hyperparameters.C"], rows[2]["hyperparameters.C"]) == ("0.1", "")
    assert rows[2]["hyperparameters.max_depth"] == "null"
    assert (rows[3]["f1"], rows[3]["fit_seconds"]) == ("", "")


def test_the_current_session_is_compared_and_titles_are_found(cli: Cli, tmp_path: Path):
    item = {"id": S1, "title": "churn: v2", "created": "", "actor": "", "updated": "",
            "sequence": 1, "links": {}}  # fmt: skip
    asked = []

    def played(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/compare":
            asked.append(request.url.params.multi_items())
            return httpx.Response(200, json=json.loads(encode(FOUND)))
        if path == "/v1/sessions":
            return httpx.Response(200, json={"items": [item], "next": None})
        if path == "/v1/experiments":
            return httpx.Response(200, json={"items": [], "next": None})
        return httpx.Response(200, json=item | {"counts": {}, "running": []})

    said = cli(played, "compare")
    assert (said.code, "You have no current session" in said.err) == (2, True)
    assert cli(played, "session", "use", "churn").code == 0
    said = cli(played, "compare", "--sort", "f1", "--on", "june", "-o", "json")
    assert json.loads(said.out) == json.loads(encode(FOUND))
    said = cli(played, "compare", "CHURN", "abc", "-o", "csv", "--metrics", "f1")
    assert said.out.splitlines()[0].endswith(",f1,fit_seconds,tags,note")
    assert asked == [[("of", S1), ("sort", "f1"), ("on", "june")], [("of", S1), ("of", "abc")]]

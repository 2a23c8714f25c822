"""A comparison has the settings that differ, the newest scores, the best ones, and the noise."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from scipy.stats import binomtest

from autolearn.api.http.problems import Problem
from autolearn.api.services.comparisons.compare import compare
from autolearn.api.services.comparisons.wilson import wilson
from autolearn.projections.queries.compared_runs import (
    AskedEvaluation,
    EvaluationToCompare,
    Fitted,
    Measured,
    TrainingToCompare,
)
from autolearn.projections.rows.runs import StoredRun
from autolearn.schemas.rest.comparisons import ComparedOwner, TrainingComparison
from autolearn.schemas.results import FoldScores
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import DatasetRef, RunId, SessionId, Split
from tests.support.samples import IRIS, WINE, training_requested

SESSION = SessionId("0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90")
OWNERS = [ComparedOwner(SESSION, "session", "irises", {"self": f"/v1/sessions/{SESSION}"})]
DIRECTIONS = {"f1": True, "accuracy": True, "rmse": False, "odd": None}
Run = TrainingToCompare | EvaluationToCompare


def trained(
    name: str, *, completed: bool = True, folds: dict[str, FoldScores] | None = None, **fields: Any
) -> TrainingToCompare:
    row = StoredRun("training", int(name[1:]), "completed" if completed else "open", "", "")
    fitted = Fitted(0.5, folds or {}) if completed else None
    return TrainingToCompare(SESSION, RunId(name), row, training_requested(name, **fields), fitted)


def evaluated(
    name: str,
    training: str,
    *,
    on: DatasetRef | None = None,
    averages: dict[str, str] | None = None,
    rows: int = 38,
    baseline: dict[str, Any] | None = None,
    **results: Any,
) -> EvaluationToCompare:
    asked = AskedEvaluation(on or IRIS, held_out=on is None)
    measured = Measured(results, rows, averages or {}, baseline or {})
    return EvaluationToCompare(RunId(name), RunId(training), asked, measured)


def compared(*runs: Run, **given: Any) -> TrainingComparison:
    return compare(OWNERS, runs, DIRECTIONS, **given)


def test_a_line_has_the_settings_that_differ_and_all_share_the_others():
    found = compared(
        trained("t1", hyperparameters={"max_depth": 3, "criterion": "gini"}),
        trained("t2", hyperparameters={"criterion": "gini"}, estimator="svm"),
        trained("t3", hyperparameters={"max_depth": None, "criterion": "gini"}, seed=7),
    )
    assert [line.settings for line in found.trainings] == [
        {"hyperparameters.max_depth": 3, "seed": 42},
        {"seed": 42},
        {"hyperparameters.max_depth": None, "seed": 7},
    ]
    assert [line.estimator for line in found.trainings] == ["decision-tree", "svm", "decision-tree"]
    assert found.shared["hyperparameters.criterion"] == "gini"
    assert found.shared["dataset"] == f"iris@{IRIS.version}"
    assert (found.shared["split.test"], found.shared["preprocessing.scale"]) == (0.25, "standard")
    assert found.trainings[0].links == {"self": f"/v1/sessions/{SESSION}/trainings/t1"}


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": WINE},
        {"target": None},
        {"split": Split(0.3)},
        {"preprocessing": Preprocessing(scale="none")},
        {"left_out": {"id": "id"}},
        {"features": ("petal",)},
        {"weight": "petal"},
        {"task": "regression"},
    ],
)
def test_everything_that_a_request_sets_is_compared(fields: dict[str, Any]):
    found = compared(trained("t1"), trained("t2", **fields))
    (first, second) = (line.settings for line in found.trainings)
    assert len(first) == len(second) == 1
    assert first != second


def test_limits_and_names_of_runs_are_no_settings():
    found = compared(trained("t1", time_limit=1.0), trained("t2", memory_limit=99, max_attempts=9))
    assert [line.settings for line in found.trainings] == [{}, {}]


def test_a_long_setting_is_cut():
    found = compared(
        trained("t1", features=tuple(f"column-{n}" for n in range(999))), trained("t2")
    )
    assert len(found.trainings[0].settings["features"]) == 300
    assert found.trainings[0].settings["features"].endswith("…")


def test_the_newest_evaluation_of_a_metric_counts():
    found = compared(
        trained("t1"), trained("t2"),
        evaluated("e1", "t1", f1=0.5, accuracy=0.6),
        evaluated("e2", "t2", f1=0.7),
        evaluated("e3", "t1", f1=0.9),
        evaluated("e4", "t1", on=WINE, f1=0.1),
    )  # fmt: skip
    first, second = found.trainings
    assert (first.scores["f1"].value, first.scores["f1"].evaluation) == (0.9, "e3")
    assert first.scores["accuracy"].evaluation == "e1"
    assert set(second.scores) == {"f1"}
    assert {one.name: one.best for one in found.metrics} == {"f1": "t1", "accuracy": "t1"}
    assert found.same_rows


def test_the_best_is_what_the_metric_says():
    runs = trained("t1"), trained("t2"), trained("t3")
    found = compared(*runs, evaluated("e1", "t1", rmse=2.0, odd=1.0),
                     evaluated("e2", "t2", rmse=1.0, odd=9.0))  # fmt: skip
    assert {one.name: one.best for one in found.metrics} == {"rmse": "t2", "odd": None}
    assert [line.id for line in compared(*runs).trainings] == ["t1", "t2", "t3"]
    for sort, order in (("rmse", ["t2", "t1", "t3"]), ("odd", ["t2", "t1", "t3"])):
        found = compared(*runs, evaluated("e1", "t1", rmse=2.0, odd=1.0),
                         evaluated("e2", "t2", rmse=1.0, odd=9.0), sort=sort)  # fmt: skip
        assert [line.id for line in found.trainings] == order


def test_only_numbers_are_scores():
    odd = {"confusion-matrix": {"labels": [], "matrix": []}, "per-class": [], "flag": True}
    found = compared(trained("t1"), evaluated("e1", "t1", count=3, **odd))
    assert [one.name for one in found.metrics] == ["count"]


def test_a_metric_of_one_class_is_a_column_of_its_own():
    """Whether the class was named with the metric, or with --positive."""
    found = compared(
        trained("t1"), trained("t2"),
        evaluated("e1", "t1", averages={"f1": "macro"}, f1=0.8),
        evaluated("e2", "t1", averages={"f1": "of class yes"}, f1=0.3),
        evaluated("e3", "t2", averages={"f1": "macro"}, **{"f1": 0.7, "f1:yes": 0.4}),
        sort="f1:yes",
    )  # fmt: skip
    assert [(one.name, one.metric, one.average) for one in found.metrics] == [
        ("f1", "f1", "macro"),
        ("f1:yes", "f1", "of class yes"),
    ]
    assert [one.best for one in found.metrics] == ["t1", "t2"]
    assert [line.id for line in found.trainings] == ["t2", "t1"]


def test_the_scores_over_folds_have_a_deviation_and_columns_of_their_own():
    folds = {"f1": FoldScores(0.7, 0.05, (0.65, 0.75)), "recall:yes": FoldScores(0.2, 0.1, (0.1,))}
    runs = (
        trained("t1", folds=folds, split=Split(folds=2)),
        trained("t2", folds=folds, split=Split(folds=5)),
        trained("t3"),
        evaluated("e1", "t1", f1=0.8),
        evaluated("e2", "t3", f1=0.6),
    )
    found = compared(*runs)
    assert [(one.name, one.metric, one.folds) for one in found.metrics] == [
        ("f1", "f1", False),
        ("f1 (folds)", "f1", True),
        ("recall:yes (folds)", "recall", True),
    ]
    score = found.trainings[0].scores["f1 (folds)"]
    assert (score.value, score.deviation, score.evaluation) == (0.7, 0.05, None)
    assert set(found.trainings[2].scores) == {"f1"}
    assert not found.same_rows  # two folds are other rows than five
    assert compared(runs[0], runs[2], *runs[3:]).same_rows
    assert compared(*runs, on="wine").metrics == []


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"hyperparameters": {}}, True),
        ({"preprocessing": Preprocessing(scale="none")}, True),
        ({"seed": 7}, False),
        ({"split": Split(0.3)}, False),
        ({"dataset": WINE}, False),
        ({"target": "petal"}, False),
    ],
)
def test_whether_the_held_out_rows_are_the_same_is_said(fields: dict[str, Any], same: bool):
    runs = trained("t1"), trained("t2", **fields), trained("t3", seed=1)
    found = compared(*runs, evaluated("e1", "t1", f1=0.5), evaluated("e2", "t2", f1=0.5))
    assert found.same_rows is same  # t3 has no score


def test_scores_are_of_another_dataset_if_that_is_named():
    other = replace(WINE, version="c" * 64)
    runs = (
        trained("t1"), trained("t2", seed=7),
        evaluated("e1", "t1", f1=0.5),
        evaluated("e2", "t1", on=WINE, f1=0.6),
        evaluated("e3", "t2", on=WINE, f1=0.7),
        evaluated("e4", "t2", on=other, f1=0.8),
    )  # fmt: skip

    def scores(on: str) -> list[float | None]:
        found = compared(*runs, on=on)
        assert found.on == on
        return [
            line.scores["f1"].value if line.scores else None for line in found.trainings
        ]  # fmt: skip

    assert scores("wine") == [0.6, 0.8]
    assert not compared(*runs, on="wine").same_rows
    assert scores(f"wine@{'b' * 8}") == [0.6, 0.7]
    assert compared(*runs, on=f"wine@{'b' * 8}").same_rows
    assert scores("iris") == [None, None]


def test_a_baseline_is_marked_and_what_has_not_completed_has_no_time():
    found = compared(trained("t1", estimator="dummy"), trained("t2", completed=False))
    assert [line.baseline for line in found.trainings] == [True, False]
    assert [(line.status, line.fit_seconds) for line in found.trainings] == [
        ("completed", 0.5),
        ("open", None),
    ]


def test_a_baseline_on_the_same_rows_is_beside_the_scores():
    without = {"f1": 0.4, "recall": 0.0, "per-class": []}
    runs = (
        trained("t1"), trained("t2"), trained("t3", seed=7),
        evaluated("e1", "t1", baseline=without, averages={"recall": "of class a"}, f1=1, recall=1),
        evaluated("e2", "t2", baseline=without, f1=0.7),
    )  # fmt: skip
    assert compared(*runs).baseline == {"f1": 0.4, "recall:a": 0.0}
    other = evaluated("e3", "t3", baseline={"f1": 0.3}, f1=0.9)
    assert compared(*runs, other).baseline == {"recall:a": 0.0}
    assert compared(trained("t1"), evaluated("e1", "t1", f1=1)).baseline == {}


def test_nothing_to_compare_is_an_answer():
    found = compared()
    assert (found.trainings, found.metrics, found.shared, found.same_rows) == ([], [], {}, True)


def test_sorting_by_what_is_not_measured_is_refused_with_what_is():
    with pytest.raises(Problem) as refused:
        compared(trained("t1"), evaluated("e1", "t1", f1=0.5, rmse=1.0), sort="f2")
    assert refused.value.kind == "unknown-metric"
    assert "a value of 'f2'; there are values of f1, rmse." in str(refused.value.detail)


def test_a_proportion_has_an_interval_and_nothing_else_has():
    found = compared(trained("t1"), evaluated("e1", "t1", accuracy=0.95, f1=0.95, rows=40))
    score = found.trainings[0].scores["accuracy"]
    assert (score.low, score.high) == wilson(0.95, 40)
    assert found.trainings[0].scores["f1"].low is None


def test_rows_of_one_group_are_not_independent():
    split = Split(by="group", column="petal")
    found = compared(trained("t1", split=split), evaluated("e1", "t1", accuracy=0.95, rows=40))
    assert found.trainings[0].scores["accuracy"].low is None


@pytest.mark.parametrize(("right", "rows"), [(0, 1), (1, 1), (37, 38), (250, 300), (0, 50)])
def test_the_interval_is_that_of_wilson(right: int, rows: int):
    expected = binomtest(right, rows).proportion_ci(method="wilson")
    assert wilson(right / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-12)

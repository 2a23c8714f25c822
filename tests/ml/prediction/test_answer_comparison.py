"""Answers of two versions: what counts as equal, and which differences are kept."""

import numpy as np
import pyarrow as pa
import pytest

from autolearn.ml.prediction import answer_comparison
from autolearn.ml.prediction.answer_comparison import AnswerComparison
from autolearn.schemas.catalog import ANOMALY_DETECTION, CLASSIFICATION, CLUSTERING, REGRESSION
from autolearn.schemas.models.backtests import ASKED_COLUMNS, AnswerChange


def recorded(
    answers: list[object],
    scores: list[float | None] | None = None,
    truths: list[object] | None = None,
) -> pa.RecordBatch:
    """Rows of one request each, of the versions 1 and 2 in turn."""
    many = range(len(answers))
    scores = scores or [None for _ in many]
    columns = [[f"r{at}" for at in many], [0 for _ in many], [1 + at % 2 for at in many]]
    arrays = [pa.array(one) for one in (*columns, answers)] + [pa.array(scores, pa.float64())]
    arrays.append(pa.array(truths or [None for _ in many], arrays[3].type))
    return pa.RecordBatch.from_arrays(arrays, names=[*ASKED_COLUMNS])


def test_labels_are_counted_by_change_and_by_the_version_that_answered():
    compared = AnswerComparison(CLASSIFICATION, hidden=False)
    said = {
        "prediction": np.array(["a", "b", "b"]),
        "probability_a": np.array([0.9, 0.3, 0.4]),
        "probability_b": np.array([0.1, 0.7, 0.6]),
    }
    compared.add(said, recorded(["a", "a", "c"], [0.8, 0.9, 1.0]))
    compared.add(said, recorded(["b", "b", "b"], [0.5, 0.7, None]))
    found = compared.result()
    assert (found.rows, found.equal, found.agreement) == (6, 3, 0.5)
    assert found.equal_by_version == {"1": 2, "2": 1}
    assert {*found.changes} == {
        AnswerChange("a", "b", 1),
        AnswerChange("c", "b", 1),
        AnswerChange("b", "a", 1),
    }
    assert found.largest_difference == pytest.approx(0.6)
    assert found.mean_difference == pytest.approx((0.1 + 0.6 + 0.4 + 0.0) / 4)
    assert [(one.request, one.version) for one in found.different] == [
        ("r1", 2),
        ("r0", 1),
        ("r2", 1),
    ]
    assert found.different[2].difference is None, "c is no class of the version"


def test_both_are_measured_by_the_truths_that_are_known():
    compared = AnswerComparison(CLASSIFICATION, hidden=False)
    compared.add({"prediction": np.array(["a", "b"])}, recorded(["a", "a"]))
    assert (compared.result().truths, compared.result().metrics) == (0, {})
    said = {"prediction": np.array(["a", "b", "b", "b"])}
    compared.add(said, recorded(["a", "a", "b", "a"], truths=["a", "b", None, "a"]))
    found = compared.result()
    assert (found.rows, found.truths) == (6, 3)
    assert found.metrics == {"accuracy": 2 / 3, "f1": pytest.approx(2 / 3)}
    assert found.recorded_metrics == {"accuracy": 2 / 3, "f1": pytest.approx(0.4)}
    numbers = AnswerComparison(REGRESSION, hidden=False)
    numbers.add({"prediction": np.array([1.0, 4.0])}, recorded([1.0, 2.0], truths=[1.0, 3.0]))
    measured = numbers.result()
    assert measured.metrics == measured.recorded_metrics == {"rmse": 0.5**0.5, "mae": 0.5}


def test_of_a_sensitive_target_no_answers_are_shown():
    compared = AnswerComparison(CLASSIFICATION, hidden=True)
    compared.add({"prediction": np.array(["a", "b"])}, recorded(["a", "secret"]))
    found = compared.result()
    assert (found.equal, found.changes, len(found.different)) == (1, (), 1)
    assert (found.different[0].recorded, found.different[0].answer) == (None, None)


def test_numbers_are_equal_to_the_rounding_and_the_largest_differences_are_kept(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(answer_comparison, "BACKTEST_DIFFERENT", 2)
    compared = AnswerComparison(REGRESSION, hidden=False)
    for new in ([1.0, 2.0, 3.5], [1.0 + 1e-12, 7.0, 3.0]):
        compared.add({"prediction": np.array(new)}, recorded([1.0, 3.0, 3.0]))
    found = compared.result()
    assert (found.rows, found.equal, found.largest_difference) == (6, 3, 4.0)
    assert found.mean_difference == pytest.approx(5.5 / 6)
    assert [one.difference for one in found.different] == [4.0, 1.0]
    assert found.changes == ()


def test_clusters_and_anomalies_are_compared_as_such():
    compared = AnswerComparison(CLUSTERING, hidden=False)
    compared.add({"cluster": np.array([0, 1])}, recorded(["0", "2"]))
    assert (compared.result().equal, compared.result().changes[0].recorded) == (1, "2")
    compared = AnswerComparison(ANOMALY_DETECTION, hidden=False)
    said = {"anomaly": np.array([True, False]), "score": np.array([0.7, 0.1])}
    compared.add(said, recorded([True, True], [0.5, 0.4]))
    found = compared.result()
    assert (found.equal, found.different[0].recorded) == (1, True)
    assert (found.largest_difference, found.different[0].difference) == pytest.approx((0.3, 0.3))

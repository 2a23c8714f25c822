"""Metrics against values computed by hand, and against what they must refuse."""

import numpy as np
import pytest
from sklearn import metrics as library

from autolearn.ml.errors import InputError
from autolearn.ml.metrics.metric import Metric
from autolearn.ml.plugins import load_metrics
from autolearn.schemas.catalog import check_metrics, metric_and_class

METRICS = load_metrics().found
TRUTH = np.array(["a", "a", "a", "b", "b", "c"])
GIVEN = np.array(["a", "a", "b", "b", "a", "a"])


def test_the_metrics_are_on_offer() -> None:
    names = "accuracy confusion-matrix f1 log-loss mae precision r2 recall rmse roc-auc silhouette"
    assert set(names.split()) <= set(METRICS)
    for name in names.split():
        spec = METRICS[name].spec()
        assert (spec.name, spec.library.lower() in {"scikit-learn", "autolearn"}) == (name, True)
        assert spec.summary.endswith(".")
    assert METRICS["precision"].spec().library == "scikit-learn"
    lower = {name for name, one in METRICS.items() if one.greater_is_better is False}
    assert lower == {
        *("brier", "davies-bouldin", "log-loss"),
        *("mae", "mape", "median-absolute-error", "rmse"),
    }


def test_they_fit_tasks() -> None:
    specs = {name: one.spec() for name, one in METRICS.items()}
    assert not check_metrics("classification", ["precision", "roc-auc"], specs)
    assert check_metrics("regression", ["precision"], specs)
    assert check_metrics("clustering", ["silhouette"], specs) == []


@pytest.mark.parametrize(
    ("methods", "lacks"),
    [
        (None, {}),
        (("predict", "predict_proba"), {}),
        (("predict", "decision_function"), {"log-loss": "probabilities"}),
        (("predict",), {"log-loss": "probabilities", "roc-auc": "scores"}),
        ((), {"log-loss": "probabilities", "roc-auc": "scores", "f1": "predictions"}),
    ],
)
def test_they_fit_what_a_model_answers(
    methods: tuple[str, ...] | None, lacks: dict[str, str]
) -> None:
    specs = {name: one.spec() for name, one in METRICS.items()}
    faults = check_metrics("classification", ["log-loss", "roc-auc", "f1"], specs, "m", methods)
    told = [f"{name} needs {what}, and m gives none" for name, what in lacks.items()]
    assert [fault.partition(":")[0] for fault in faults] == told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 3 / 6),
        ("precision", (2 / 4 + 1 / 2 + 0) / 3),
        ("recall", (2 / 3 + 1 / 2 + 0) / 3),
        ("f1", (2 * (1 / 2 * 2 / 3) / (1 / 2 + 2 / 3) + 1 / 2 + 0) / 3),
    ],
)
def test_metrics_of_predictions(name: str, value: float) -> None:
    assert METRICS[name].compute(TRUTH, GIVEN) == pytest.approx(value)


def test_confusion_matrix() -> None:
    assert METRICS["confusion-matrix"].compute(TRUTH, GIVEN) == {
        "labels": ["a", "b", "c"],
        "matrix": [[2, 1, 0], [1, 1, 0], [1, 0, 0]],
    }
    numbers = METRICS["confusion-matrix"].compute(np.array(["10", "9", "-1"]), np.array(["9"] * 3))
    assert numbers["labels"] == ["-1", "9", "10"]


def test_regression() -> None:
    truth, given = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0])
    assert METRICS["mae"].compute(truth, given) == pytest.approx(2 / 3)
    assert METRICS["rmse"].compute(truth, given) == pytest.approx((4 / 3) ** 0.5)
    assert METRICS["r2"].compute(truth, given) == pytest.approx(1 - 4 / 2)


def test_measures_of_classes_by_hand() -> None:
    """b: 1 of 2 found, 1 of 2 right; a: 2 of 3 and 2 of 4; c: none."""
    recalls, precisions = (2 / 3, 1 / 2, 0), (2 / 4, 1 / 2, 0)
    assert METRICS["balanced-accuracy"].compute(TRUTH, GIVEN) == pytest.approx(sum(recalls) / 3)
    for name, beta in (("f2", 2), ("f0.5", 0.5)):
        each = [
            (1 + beta**2) * p * r / (beta**2 * p + r) if p + r else 0
            for p, r in zip(precisions, recalls, strict=True)
        ]
        assert METRICS[name].compute(TRUTH, GIVEN) == pytest.approx(sum(each) / 3)
        of_b = METRICS[name].positive
        assert of_b is not None
        assert of_b(TRUTH == "b", GIVEN == "b") == pytest.approx(each[1])
    two = np.array(["y", "y", "n", "n", "n"]), np.array(["y", "n", "n", "n", "y"])
    tp, fn, tn, fp = 1, 1, 2, 1
    mcc = (tp * tn - fp * fn) / ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    assert METRICS["mcc"].compute(*two) == pytest.approx(mcc)


def test_average_precision_is_the_mean_over_the_classes_or_of_one() -> None:
    truth = np.array(["n", "n", "y", "y"])
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])
    of_yes = (1 / 1 + 2 / 3) / 2  # ranks of the two: 1 and 3
    of_no = (1 / 1 + 2 / 3) / 2  # ranks of the two: 1 and 3
    metric = METRICS["average-precision"]
    assert metric.compute(truth, scores, ["n", "y"]) == pytest.approx((of_yes + of_no) / 2)
    assert metric.positive is not None
    assert metric.positive(truth == "y", scores[:, 1]) == pytest.approx(of_yes)
    with pytest.raises(InputError, match="none of these rows"):
        metric.positive(truth == "x", scores[:, 1])


def test_brier_by_hand() -> None:
    brier = METRICS["brier"].compute
    two = np.array([[0.9, 0.1], [0.4, 0.6]])
    assert brier(np.array(["a", "b"]), two, ["a", "b"]) == pytest.approx((0.01 + 0.16) / 2)
    three = np.array([[0.7, 0.2, 0.1]])
    found = brier(np.array(["a"]), three, ["a", "b", "c"])
    assert found == pytest.approx(0.3**2 + 0.2**2 + 0.1**2)


def test_top_k_accuracy() -> None:
    truth = np.array(["a", "b", "c", "c"])
    scores = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])
    classes = ["a", "b", "c"]
    assert METRICS["top-2-accuracy"].compute(truth, scores, classes) == pytest.approx(3 / 4)
    with pytest.raises(InputError, match="top-3-accuracy is always 1 with 3 classes"):
        METRICS["top-3-accuracy"].compute(truth, scores, classes)


def test_shares_of_the_target() -> None:
    truth, given = np.array([10.0, 20.0, 40.0]), np.array([11.0, 16.0, 40.0])
    assert METRICS["mape"].compute(truth, given) == pytest.approx((0.1 + 0.2 + 0) / 3)
    assert METRICS["median-absolute-error"].compute(truth, given) == pytest.approx(1)
    with pytest.raises(InputError, match="which is 0 in 1 of these 3 rows"):
        METRICS["mape"].compute(np.array([0.0, 1, 2]), given)


def test_measures_of_clusters_leave_noise_out() -> None:
    points = np.array([[0.0], [2.0], [10.0], [12.0], [500.0]])
    groups = np.array([0, 0, 1, 1, -1])
    # between: 2 * (5² + 5²) / 1, within: 4 * 1² / 2
    assert METRICS["calinski-harabasz"].compute(points, groups) == pytest.approx(100 / 2)
    assert METRICS["davies-bouldin"].compute(points, groups) == pytest.approx((1 + 1) / 10)
    assert METRICS["silhouette"].compute(points, groups) > 0.7
    for name in ("calinski-harabasz", "davies-bouldin", "silhouette"):
        with pytest.raises(InputError, match=f"{name} needs between 2 and .* are in 1"):
            METRICS[name].compute(points, np.array([0, 0, 0, 0, -1]))


def test_a_metric_names_its_class() -> None:
    specs = {name: one.spec() for name, one in METRICS.items()}
    assert metric_and_class("recall:yes") == ("recall", "yes")
    assert metric_and_class("recall:a:b") == ("recall", "a:b")
    assert metric_and_class("recall") == ("recall", None)
    assert check_metrics("classification", ["recall:yes", "roc-auc:no", "brier:no"], specs) == []
    [fault] = check_metrics("classification", ["accuracy:yes"], specs)
    assert fault.startswith("accuracy cannot be of one class: choose from average-precision, ")
    [fault] = check_metrics("classification", ["recal:yes"], specs)
    assert fault.startswith("there is no metric 'recal'")


def test_roc_auc_of_two_classes_is_that_of_the_second() -> None:
    truth = np.array(["n", "n", "y", "y"])
    scores = np.array([[0, 0.1], [0, 0.4], [0, 0.35], [0, 0.8]])
    assert METRICS["roc-auc"].compute(truth, scores, ["n", "y"]) == pytest.approx(0.75)


def test_roc_auc_of_more_classes_is_one_against_the_rest() -> None:
    random = np.random.default_rng(0)
    truth = random.choice(["a", "b", "c"], 60)
    scores = random.dirichlet([1, 1, 1], 60)
    expected = library.roc_auc_score(truth, scores, multi_class="ovr")
    assert METRICS["roc-auc"].compute(truth, scores, ["a", "b", "c"]) == pytest.approx(expected)
    # a class without rows does not count
    two = truth != "c"
    areas = [
        library.roc_auc_score(truth[two] == name, scores[two, column])
        for column, name in enumerate("ab")
    ]
    given = METRICS["roc-auc"].compute(truth[two], scores[two], ["a", "b", "c"])
    assert given == pytest.approx(np.mean(areas))


def test_log_loss() -> None:
    truth, probabilities = np.array(["a", "b"]), np.array([[0.5, 0.5], [0.75, 0.25]])
    expected = -(np.log(0.5) + np.log(0.25)) / 2
    assert METRICS["log-loss"].compute(truth, probabilities, ["a", "b"]) == pytest.approx(expected)


def test_roc_auc_of_one_class() -> None:
    with pytest.raises(InputError, match="at least two classes"):
        METRICS["roc-auc"].compute(np.array(["a", "a"]), np.full((2, 2), 0.5), ["a", "b"])


def test_silhouette() -> None:
    points = np.array([[0.0], [0.1], [5.0], [5.1]])
    assert METRICS["silhouette"].compute(points, np.array([0, 0, 1, 1])) > 0.9
    with pytest.raises(InputError, match="between 2 and 3 groups"):
        METRICS["silhouette"].compute(points, np.zeros(4))


def test_silhouette_of_many_rows_is_a_fixed_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autolearn.ml.metrics.builtin.SILHOUETTE_ROWS", 50)
    random = np.random.default_rng(0)
    points, groups = random.normal(size=(200, 2)), random.integers(0, 2, 200)
    first = METRICS["silhouette"].compute(points, groups)
    assert first == METRICS["silhouette"].compute(points, groups)
    assert first != library.silhouette_score(points, groups)


def test_a_third_partys_metric() -> None:
    one = Metric(
        "balanced", ("classification",), "Balanced.", compute=library.balanced_accuracy_score
    )
    assert one.spec().library == "scikit-learn"
    assert one.compute(TRUTH, GIVEN) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)

"""Plots as data: against scikit-learn, bounded, the same twice, and without secrets."""

import json

import msgspec
import numpy as np
import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.tasks import lightened
from autolearn.ml.training.train import train
from autolearn.schemas.catalog import PLOTS, plot_faults, plots_of
from autolearn.schemas.results import EvaluationResult
from autolearn.schemas.values import Split
from tests.support.run_samples import TASKS, evaluation, nothing, put, training


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    return ArtifactStore((tmp_path_factory.mktemp("plots") / "store").as_uri())


def plotted(store: ArtifactStore, model: str, *plots: str, **more: object) -> EvaluationResult:
    """Train on the penguins, and evaluate with plots."""
    asked = training(store, model, **more)
    result = train(asked, store, nothing)
    request = evaluation(
        result.artifact.digest, (), asked.dataset, plots=plots, sensitive=asked.sensitive
    )
    return evaluate(request, store, nothing)


@pytest.fixture(scope="module")
def classified(store: ArtifactStore) -> EvaluationResult:
    return plotted(store, "logistic-regression", *plots_of("classification"))


def test_every_plot_of_a_task_is_there_and_small(store: ArtifactStore, classified):
    assert list(classified.plot_data) == plots_of("classification")
    assert not classified.left_out
    found = plotted(store, "ridge", *plots_of("regression"))
    assert list(found.plot_data) == plots_of("regression")
    for one in (classified, found):
        json.dumps(msgspec.to_builtins(one.plot_data), allow_nan=False)
        assert len(msgspec.json.encode(one)) < 100_000


def test_the_same_evaluation_has_the_same_plots(store: ArtifactStore, classified):
    again = plotted(store, "logistic-regression", *plots_of("classification"))
    assert again.plot_data == classified.plot_data


def test_curves_say_what_scikit_learn_says(classified):
    curves = classified.plot_data["roc"]["classes"]
    assert sorted(curves) == ["Adelie", "Chinstrap", "Gentoo"]
    for one in curves.values():
        x, y = one["false_positive_rate"], one["true_positive_rate"]
        assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
        assert np.trapezoid(y, x) == pytest.approx(one["area"], abs=0.02)
    confusion = classified.plot_data["confusion"]
    assert sum(map(sum, confusion["matrix"])) == classified.rows
    for one in classified.plot_data["calibration"]["classes"].values():
        assert sum(one["rows"]) == classified.rows
        assert len(one["rows"]) == len(one["share"]) == len(one["predicted"])
    for one in classified.plot_data["precision-recall"]["classes"].values():
        assert 0 < one["share"] < one["average_precision"] <= 1


def test_what_decides_is_important_and_noise_is_not(store: ArtifactStore):
    rng = np.random.default_rng(2)
    x, noise = rng.normal(size=400), rng.normal(size=400)
    lines = "".join(f"{a:.5f},{b:.5f},{3 * a:.5f}\n" for a, b in zip(x, noise, strict=True))
    dataset = put(store, f"x,noise,y\n{lines}".encode())
    more = {"dataset": dataset, "target": "y", "split": Split()}
    found = plotted(store, "ridge", "importance", "partial-dependence", "learning-curve", **more)
    columns = found.plot_data["importance"]["columns"]
    assert [one["column"] for one in columns] == ["x", "noise"]
    assert columns[0]["mean"] > 1 > 0.01 > abs(columns[1]["mean"])
    answers = found.plot_data["partial-dependence"]["columns"]["x"]
    assert answers["answers"]["prediction"] == sorted(answers["answers"]["prediction"])
    slope = np.polyfit(answers["values"], answers["answers"]["prediction"], 1)[0]
    assert slope == pytest.approx(3, rel=0.05)
    curve = found.plot_data["learning-curve"]
    assert curve["rows"] == sorted(curve["rows"])
    assert curve["held_out"]["mean"][-1] > 0.99


def test_plots_that_cannot_be_made_say_why(store: ArtifactStore):
    found = plotted(store, "svm", "calibration", "roc")
    assert list(found.plot_data) == ["roc"]
    assert found.left_out == {"calibration": "it needs probabilities, and the model gives none"}
    asked = training(store, "ridge")
    digest = train(asked, store, nothing).artifact.digest
    request = evaluation(digest, (), asked.dataset, plots=("learning-curve",), held_out=False)
    other = evaluate(request, store, nothing)
    assert "needs the training rows" in other.left_out["learning-curve"]


def test_secrets_are_in_no_plot(store: ArtifactStore):
    secret = ("species", "island", "bill_length_mm")
    found = plotted(store, "decision-tree", *plots_of("classification"), sensitive=secret)
    told = json.dumps(msgspec.to_builtins(found))
    assert not [word for word in ("Adelie", "Gentoo", "Biscoe", "Torgersen") if word in told]
    assert {"island", "bill_length_mm"}.isdisjoint(found.plot_data["partial-dependence"]["columns"])
    assert sorted(found.plot_data["roc"]["classes"]) == ["1", "2", "3"]
    weighed = plotted(store, "ridge", "residuals", sensitive=("body_mass_g",))
    assert sorted(weighed.plot_data["residuals"]) == ["histogram", "quantiles"]


def test_a_plot_is_of_a_task():
    assert plot_faults("regression", ["residuals"]) == []
    assert "choose from all, residuals" in plot_faults("regression", ["roc"])[0]
    assert "there is no plot 'rock'" in plot_faults("classification", ["rock"])[0]
    assert "none fits that task" in plot_faults("clustering", ["roc"])[0]
    assert {task for tasks in PLOTS.values() for task in tasks} == {"classification", "regression"}
    assert {*TASKS.values()} > {"regression"}


def test_long_texts_are_cut_in_plots(store: ArtifactStore):
    texts = [letter * 40_000 for letter in "abcd"]
    lines = "".join(f"{texts[n % 4]},{n % 5},{'yn'[n % 4 == 0]}\n" for n in range(80))
    dataset = put(store, f"text,x,y\n{lines}".encode())
    more = {"dataset": dataset, "target": "y", "split": Split()}
    found = plotted(store, "naive-bayes", "partial-dependence", **more)
    values = found.plot_data["partial-dependence"]["columns"]["text"]["values"]
    assert len(values) == 4
    assert max(map(len, values)) <= 200


def test_plots_that_are_too_large_for_the_log_are_left_out():
    large = {"roc": {"x": ["y" * 1000] * 900}, "confusion": {"matrix": [[1]]}}
    result = EvaluationResult({"f1": 0.5}, {}, 10, 0.1, plot_data=large)
    light = lightened(result, ())
    assert light.plot_data == {"confusion": {"matrix": [[1]]}}
    assert "too large for the log" in light.left_out["roc"]
    assert light.results == {"f1": 0.5}

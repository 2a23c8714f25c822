"""The baseline: what a model that looks at no feature scores on the same rows."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from sklearn import metrics as library
from sklearn.dummy import DummyClassifier

from autolearn.artifacts.datasets.table import read_table
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.datasets.subject import split_rows, subject_of
from autolearn.ml.evaluation.baseline import baseline_model, baseline_of
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.training.train import train
from autolearn.schemas.events import EvaluationRequested
from autolearn.schemas.results import EvaluationResult, TrainingResult
from tests.support.run_samples import PENGUINS, evaluation, nothing, put, training

OF_CLASSES = ("accuracy", "f1", "recall:yes", "log-loss", "roc-auc", "average-precision:yes", "mcc")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def rare(rows: int = 300, *, seed: int = 0) -> bytes:
    """Return rows of which a tenth is yes, of which x tells a little."""
    random = np.random.default_rng(seed)
    lines = (
        f"{random.normal(n % 10 == 0):.4f},{'yes' if n % 10 == 0 else 'no'}" for n in range(rows)
    )
    return "\n".join(("x,y", *lines)).encode()


def asked(trained: TrainingResult, metrics: tuple[str, ...], **more: object) -> EvaluationRequested:
    dataset = more.pop("dataset")
    return evaluation(
        trained.artifact.digest, metrics, dataset, baseline_model=trained.baseline_model, **more
    )


def measured(
    store: ArtifactStore, model: str, metrics: tuple[str, ...], **hyperparameters: str
) -> EvaluationResult:
    request = training(
        store, model, dataset=put(store, rare()), target="y", hyperparameters=hyperparameters
    )
    trained = train(request, store, nothing)
    return evaluate(asked(trained, metrics, dataset=request.dataset), store, nothing)


def test_it_is_scikit_learns_dummy_on_the_training_rows(store: ArtifactStore) -> None:
    request = training(store, "decision-tree", dataset=put(store, rare()), target="y")
    trained = train(request, store, nothing)
    result = evaluate(asked(trained, OF_CLASSES, dataset=request.dataset), store, nothing)

    table = read_table(store.fetch_blob(request.dataset.version, Path()))
    subject = subject_of(table, "y", "classification", ["x"])
    parts = split_rows(subject, table, "classification", request.split, request.seed)
    assert subject.answers is not None
    learned, truth = subject.answers[parts.train], subject.answers[parts.test]
    dummy = DummyClassifier().fit(np.zeros((len(learned), 1)), learned)
    said = dummy.predict(np.zeros((len(truth), 1)))
    shares = dummy.predict_proba(np.zeros((len(truth), 1)))
    assert trained.baseline_model == tuple(dummy.class_prior_)
    assert result.baseline == {
        "accuracy": pytest.approx(library.accuracy_score(truth, said)),
        "f1": pytest.approx(library.f1_score(truth, said, average="macro")),
        "recall:yes": 0.0,
        "log-loss": pytest.approx(library.log_loss(truth, shares)),
        "roc-auc": 0.5,
        "average-precision:yes": pytest.approx((truth == "yes").mean()),
        "mcc": 0.0,
    }
    assert result.baseline_prediction == "no"


def test_results_that_are_no_better_are_marked(store: ArtifactStore) -> None:
    dummy = measured(store, "dummy", OF_CLASSES)
    assert dummy.results == dummy.baseline
    assert dummy.not_better == OF_CLASSES
    guess = measured(store, "logistic-regression", OF_CLASSES, class_weight="balanced")
    assert {"accuracy", "log-loss"} <= set(guess.not_better)  # one of them is better when lower
    assert guess.results["recall:yes"] > 0
    assert "recall:yes" not in guess.not_better
    for name in guess.not_better:
        gap = guess.results[name] - guess.baseline[name]
        assert gap >= 0 if name == "log-loss" else gap <= 0


def test_of_numbers_it_is_the_mean(store: ArtifactStore) -> None:
    request = training(store, "ridge")
    trained = train(request, store, nothing)
    result = evaluate(asked(trained, ("r2", "rmse"), dataset=request.dataset), store, nothing)
    assert result.baseline["r2"] == pytest.approx(0, abs=0.05)
    assert result.baseline["rmse"] > 2 * result.results["rmse"]
    assert result.baseline_prediction == trained.baseline_model
    assert 4000 < result.baseline_prediction < 4400
    assert result.not_better == ()


def test_on_another_dataset_it_is_that_of_the_training_rows(store: ArtifactStore) -> None:
    request = training(store, "naive-bayes", dataset=put(store, rare()), target="y")
    trained = train(request, store, nothing)
    other = put(store, rare(40).replace(b"no", b"yes", 30))
    result = evaluate(
        asked(trained, ("accuracy", "confusion-matrix"), dataset=other, held_out=False),
        store,
        nothing,
    )
    assert result.baseline_prediction == "no"
    assert result.baseline == {"accuracy": 6 / 40}


def test_weights_count(store: ArtifactStore) -> None:
    answers, weights = np.array(["a", "b", "b"]), np.array([6.0, 1.0, 1.0])
    shares = baseline_of(answers, weights, "classification")
    assert shares == (0.75, 0.25)
    assert baseline_model(shares, ["a", "b"]).predict([[0.0]]) == ["a"]
    assert baseline_of(np.array([1.0, 5.0]), np.array([3.0, 1.0]), "regression") == 2.0


def test_where_there_is_none(store: ArtifactStore) -> None:
    for model in ("k-means", "isolation-forest"):
        request = training(store, model, target="species")
        trained = train(request, store, nothing)
        assert trained.baseline_model is None
        metric = {"k-means": "silhouette", "isolation-forest": "recall"}[model]
        found = evaluate(asked(trained, (metric,), dataset=request.dataset), store, nothing)
        assert (found.baseline, found.baseline_prediction, found.not_better) == ({}, None, ())
    assert baseline_model((0.5, 0.5), []) is None


def test_a_hidden_class_is_not_named(store: ArtifactStore) -> None:
    request = training(store, "naive-bayes", dataset=put(store, PENGUINS))
    trained = train(request, store, nothing)
    question = asked(trained, ("accuracy",), dataset=request.dataset)
    assert evaluate(question, store, nothing).baseline_prediction == "Adelie"
    hidden = evaluate(replace(question, sensitive=("species",)), store, nothing)
    assert hidden.baseline_prediction is None
    assert set(hidden.baseline) == {"accuracy"}

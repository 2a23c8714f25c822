"""Calibration and thresholds: against scikit-learn, and on rows that no fit has seen."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.datasets.split import folds_of, part
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.evaluation.stored_artifact import open_model
from autolearn.ml.plugins import find_estimator
from autolearn.ml.training.train import train
from autolearn.schemas.catalog import threshold_parts
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import Split
from tests.support.run_samples import evaluation, nothing, put, training

RANDOM = np.random.default_rng(5)
ROWS = 600
FRAME = pd.DataFrame({name: RANDOM.normal(size=ROWS).round(6) for name in "abc"})
FRAME["y"] = np.where(FRAME.a + RANDOM.normal(size=ROWS) > 1.6, "yes", "no")
FRAME["house"] = RANDOM.integers(0, 60, ROWS)
FRAME["weight"] = RANDOM.integers(1, 5, ROWS)
FRAME["day"] = [f"2026-01-{1 + n // 20:02}" for n in range(ROWS)]
NO_SCALE = Preprocessing("median", "none", "one-hot")
LEFT_OUT = {"house": "group", "weight": "weight", "day": "time"}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def asked(store: ArtifactStore, model: str = "naive-bayes", **more: object) -> TrainingRequested:
    dataset = put(store, FRAME.to_csv(index=False).encode())
    more = {"left_out": LEFT_OUT, "preprocessing": NO_SCALE, **more}
    return training(store, model, dataset=dataset, target="y", **more)


def parts(split: Split) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray, list]:
    """Return features and labels of training and held-out rows, and the folds of the former."""
    labels = FRAME.y.to_numpy(str)
    rows = part(np.arange(ROWS), labels, split, 7)
    y = labels[rows.train]
    folds = list(folds_of(y, Split(folds=5), 7, None, len(y)))
    features = FRAME[["a", "b", "c"]]
    return features.iloc[rows.train], y, features.iloc[rows.test], labels[rows.test], folds


def model_of(store: ArtifactStore, digest: str, folder: Path):
    return open_model(store, digest, folder).pipeline


def written(store: ArtifactStore, digest: str, name: str) -> dict:
    return json.loads((store.fetch_folder(digest, Path()) / name).read_bytes())


@pytest.mark.parametrize("model", ["naive-bayes", "linear-svm"])  # one has probabilities
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_is_scikit_learns(
    store: ArtifactStore, tmp_path: Path, model: str, method: str
) -> None:
    result = train(asked(store, model, calibrate=method), store, nothing)
    features, y, held_out, _, folds = parts(Split())
    plain = find_estimator(model).build({}, seed=7)
    theirs = CalibratedClassifierCV(plain, method=method, cv=folds, ensemble=False)
    expected = theirs.fit(features.to_numpy(), y).predict_proba(held_out.to_numpy())
    ours = model_of(store, result.artifact.digest, tmp_path)
    np.testing.assert_allclose(ours.predict_proba(held_out), expected, rtol=1e-9)
    assert list(ours.predict(held_out)) == list(theirs.predict(held_out.to_numpy()))
    assert "predict_proba" in result.artifact.methods
    assert written(store, result.artifact.digest, "training.json")["calibrate"] == method
    if model == "linear-svm":
        assert result.parameters["coefficients"]  # of the estimator within


def test_several_classes_are_calibrated(store: ArtifactStore, tmp_path: Path) -> None:
    request = training(store, "svm", calibrate="sigmoid")
    result = train(request, store, nothing)
    found = evaluate(
        evaluation(result.artifact.digest, ("log-loss", "accuracy"), request.dataset),
        store,
        nothing,
    ).results
    assert found["accuracy"] > 0.97
    assert found["log-loss"] < 0.2


def test_a_threshold_is_the_best_on_rows_that_were_not_fitted_on(
    store: ArtifactStore, tmp_path: Path
) -> None:
    result = train(asked(store, threshold="f1:yes"), store, nothing)
    chosen = result.parameters["threshold"]
    features, y, held_out, _, folds = parts(Split())
    plain = find_estimator("naive-bayes").build({}, seed=7)
    shares = cross_val_predict(plain, features.to_numpy(), y, cv=folds, method="predict_proba")
    every = {t: f1_score(y == "yes", shares[:, 1] >= t) for t in np.unique(shares[:, 1])}
    assert chosen["score"] == pytest.approx(f1_score(y == "yes", shares[:, 1] >= chosen["value"]))
    assert chosen["score"] >= max(every.values()) - 0.01  # of a hundred quantiles
    assert (chosen["class"], chosen["metric"], chosen["rows"]) == ("yes", "f1:yes", len(y))

    ours = model_of(store, result.artifact.digest, tmp_path)
    probability = ours.predict_proba(held_out)[:, 1]
    assert list(ours.predict(held_out)) == list(
        np.where(probability >= chosen["value"], "yes", "no")
    )
    request = asked(store)
    both = [
        evaluate(evaluation(digest, ("f1:yes", "roc-auc"), request.dataset), store, nothing).results
        for digest in (train(request, store, nothing).artifact.digest, result.artifact.digest)
    ]
    assert both[0]["roc-auc"] == both[1]["roc-auc"]
    assert both[0]["f1:yes"] < both[1]["f1:yes"]
    profile = written(store, result.artifact.digest, "profile.json")["scores"]
    assert profile["predictions"]["yes"] == int((ours.predict(held_out) == "yes").sum())


def test_a_threshold_by_number(store: ArtifactStore, tmp_path: Path) -> None:
    result = train(asked(store, threshold="0.2:yes"), store, nothing)
    assert result.parameters["threshold"] == {"value": 0.2, "class": "yes"}
    held_out = parts(Split())[2]
    ours = model_of(store, result.artifact.digest, tmp_path)
    of_yes = ours.predict_proba(held_out)[:, 1]
    assert list(ours.predict(held_out) == "yes") == list(of_yes >= 0.2)
    of_no = train(asked(store, threshold="0.9:no"), store, nothing)
    other = model_of(store, of_no.artifact.digest, tmp_path)
    assert list(other.predict(held_out) == "no") == list(other.predict_proba(held_out)[:, 0] >= 0.9)
    rarest = train(asked(store, threshold="0.2"), store, nothing)
    assert rarest.parameters["threshold"]["class"] == "yes"


@pytest.mark.parametrize("threshold", ["balanced-accuracy", "mcc", "f1", "precision:no"])
def test_metrics_of_all_classes_choose_too(store: ArtifactStore, threshold: str) -> None:
    result = train(asked(store, "logistic-regression", threshold=threshold), store, nothing)
    chosen = result.parameters["threshold"]
    assert chosen["class"] == ("no" if threshold.endswith(":no") else "yes")
    assert 0 < chosen["value"] < 1
    assert chosen["metric"] == threshold


def test_both_at_once_and_the_same_bytes_again(store: ArtifactStore, tmp_path: Path) -> None:
    request = asked(store, "linear-svm", calibrate="sigmoid", threshold="f1:yes")
    first, second = (train(request, store, nothing) for _ in range(2))
    assert first.artifact.digest == second.artifact.digest
    chosen = first.parameters["threshold"]
    features, _, held_out, _, _ = parts(Split())
    ours = model_of(store, first.artifact.digest, tmp_path)
    assert list(ours.predict(held_out) == "yes") == list(
        ours.predict_proba(held_out)[:, 1] >= chosen["value"]
    )
    in_sample = f1_score(FRAME.y.loc[features.index] == "yes", ours.predict(features) == "yes")
    assert chosen["score"] != in_sample  # the rows of the choice were not fitted on


@pytest.mark.parametrize(
    "split",
    [
        Split(0.25, True, "group", "house"),
        Split(0.25, True, "time", "day"),
        Split(0.25, False),
        Split(0.25, True, folds=3),
    ],
)
def test_every_split_has_validation_rows(store: ArtifactStore, split: Split) -> None:
    request = asked(
        store,
        "logistic-regression",
        split=split,
        weight="weight",
        calibrate="isotonic",
        threshold="f1:yes",
        fold_metrics=("f1:yes",) if split.folds else (),
    )
    result = train(request, store, nothing)
    rows = result.parameters["threshold"]["rows"]
    assert rows == result.rows_train if split.kind != "time" else 0 < rows < result.rows_train
    if split.folds:
        assert result.cross_validation["f1:yes"].mean > 0.3


def test_what_cannot_be_done(store: ArtifactStore) -> None:
    for more, words in (
        ({"threshold": "f1:yes", "model": "linear-svm"}, "gives no probabilities"),
        ({"threshold": "0.5:maybe"}, "no class 'maybe'"),
    ):
        with pytest.raises(InputError, match=words):
            train(asked(store, **more), store, nothing)
    with pytest.raises(InputError, match="between two classes, and there are 3"):
        train(training(store, "naive-bayes", threshold="0.5:Adelie"), store, nothing)
    few = FRAME.assign(y=["rare" if n < 2 else "no" for n in range(ROWS)])
    request = replace(asked(store, calibrate="sigmoid"),
                      dataset=put(store, few.to_csv(index=False).encode()))  # fmt: skip
    with pytest.raises(InputError, match="have one class of y only"):
        train(request, store, nothing)


def test_a_hidden_class_is_a_number(store: ArtifactStore) -> None:
    result = train(asked(store, threshold="mcc", sensitive=("y",)), store, nothing)
    assert result.parameters["classes"] == ["1", "2"]
    assert result.parameters["threshold"]["class"] == "2"


def test_the_parts_of_a_threshold() -> None:
    assert threshold_parts("0.3:yes") == (0.3, "yes")
    assert threshold_parts("f1:a:b") == ("f1", "a:b")
    assert threshold_parts("f0.5") == ("f0.5", None)

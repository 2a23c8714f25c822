"""Cross-validation and weights: against scikit-learn on the same rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neighbors import KNeighborsClassifier

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.datasets.split import folds_of, part
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.training.preprocess import preprocessor
from autolearn.ml.training.train import train
from autolearn.schemas.catalog import CLASSIFICATION
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import Split
from tests.support.run_samples import nothing, put, training

RNG = np.random.default_rng(8)
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=240).round(6),
        "z": RNG.normal(size=240).round(6),
        "house": RNG.integers(0, 40, 240),
        "weight": RNG.integers(1, 9, 240),
    }
)
FRAME["y"] = np.where(FRAME.x + RNG.normal(size=240) > 0.4, "yes", "no")
CONTENT = FRAME.to_csv(index=False).encode()
METRICS = ("accuracy", "f1", "roc-auc")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def asked(store: ArtifactStore, split: Split, model: str = "logistic-regression", **more: object):
    left_out = {"house": "group", "weight": "weight"}
    more = {"fold_metrics": METRICS, "left_out": left_out, **more}
    return training(store, model, dataset=put(store, CONTENT), target="y", split=split, **more)


def test_the_scores_of_folds_are_those_of_scikit_learn(store: ArtifactStore):
    split = Split(0.25, True, "group", "house", 4)
    result = train(asked(store, split), store, nothing)
    keys, y = FRAME.house.astype(str).to_numpy(object), FRAME.y.to_numpy(str)
    rows = part(np.arange(240), None, split, 7, keys).train
    accuracy, f1 = [], []
    for fitted, scored in folds_of(y[rows], split, 7, keys[rows], len(rows)):
        features = FRAME[["x", "z"]]
        scaled = preprocessor({"x": "number", "z": "number"}, Preprocessing())
        estimator = LogisticRegression(random_state=7)
        estimator.fit(scaled.fit_transform(features.iloc[rows[fitted]]), y[rows[fitted]])
        said = estimator.predict(scaled.transform(features.iloc[rows[scored]]))
        accuracy.append(accuracy_score(y[rows[scored]], said))
        f1.append(f1_score(y[rows[scored]], said, average="macro"))
    found = result.cross_validation
    assert found["accuracy"].values == pytest.approx(accuracy, abs=1e-12)
    assert found["f1"].values == pytest.approx(f1, abs=1e-12)
    assert found["f1"].mean == pytest.approx(np.mean(f1))
    assert found["f1"].deviation == pytest.approx(np.std(f1, ddof=1))
    assert set(found) == {*METRICS}


def test_folds_are_recorded_and_repeat_to_the_byte(store: ArtifactStore):
    results = [train(asked(store, Split(folds=3)), store, nothing) for _ in range(2)]
    assert results[0].artifact == results[1].artifact
    assert results[0].cross_validation == results[1].cross_validation
    folder = store.fetch_folder(results[0].artifact.digest, Path())
    record = json.loads((folder / "folds.json").read_bytes())
    assert [one["rows_scored"] for one in record] == [60, 60, 60]
    scores = [one["scores"]["accuracy"] for one in record]
    assert scores == list(results[0].cross_validation["accuracy"].values)
    without = train(asked(store, Split(), fold_metrics=()), store, nothing)
    assert without.artifact.files["model.skops"] == results[0].artifact.files["model.skops"]
    assert "folds.json" not in without.artifact.files
    folder = store.fetch_folder(without.artifact.digest, Path())
    told = json.loads((folder / "training.json").read_bytes())
    assert told["split"] == {"test": 0.25, "stratify": True}


def test_a_metric_without_a_value_in_a_fold_does_not_count(store: ArtifactStore):
    times = np.arange(240.0)
    content = FRAME.assign(at=times, y=np.where(times % 2 < 1, "no", "yes"))
    content.loc[60:180, "y"] = "no"  # one class only in some folds: no area under the curve there
    request = asked(store, Split(0.2, True, "time", "at", 5), left_out={"at": "time"})
    dataset = put(store, content.to_csv(index=False).encode())
    request = training(
        store,
        "naive-bayes",
        dataset=dataset,
        target="y",
        split=request.split,
        fold_metrics=METRICS,
        left_out={"at": "time"},
    )
    found = train(request, store, nothing).cross_validation
    assert None in found["roc-auc"].values
    known = [value for value in found["roc-auc"].values if value is not None]
    assert found["roc-auc"].mean == pytest.approx(np.mean(known))
    assert None not in found["accuracy"].values


def test_weights_count_in_the_fit(store: ArtifactStore):
    plain = train(asked(store, Split(), fold_metrics=()), store, nothing)
    request = asked(store, Split(), fold_metrics=(), weight="weight")
    weighted = train(request, store, nothing)
    assert weighted.artifact.files["model.skops"] != plain.artifact.files["model.skops"]
    rows = part(np.arange(240), FRAME.y.to_numpy(str), Split(), 7).train
    scaled = preprocessor({"x": "number", "z": "number"}, Preprocessing())
    estimator = LogisticRegression(random_state=7)
    features = scaled.fit_transform(FRAME[["x", "z"]].iloc[rows])
    estimator.fit(features, FRAME.y.to_numpy(str)[rows], sample_weight=FRAME.weight[rows])
    assert weighted.parameters["coefficients"][0] == pytest.approx(estimator.coef_[0].tolist())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": "gone"}, "no column 'gone'"),
        ({"weight": "x"}, "not all numbers of at least 0"),
        ({"split": Split(0.25, True, "group", "gone")}, "no column 'gone'"),
    ],
)
def test_columns_that_do_not_do(store: ArtifactStore, change: dict, words: str):
    request = asked(store, change.pop("split", Split()), fold_metrics=(), **change)
    with pytest.raises(InputError, match=words):
        train(request, store, nothing)


def test_an_estimator_that_takes_no_weights_says_so(store: ArtifactStore, monkeypatch):
    neighbours = Estimator("neighbours", CLASSIFICATION, "", KNeighborsClassifier)
    monkeypatch.setattr("autolearn.ml.training.train.find_estimator", lambda _: neighbours)
    request = asked(store, Split(), "neighbours", fold_metrics=(), weight="weight")
    with pytest.raises(InputError, match="neighbours takes no weights"):
        train(request, store, nothing)


def test_a_clusterer_that_assigns_no_new_rows_has_no_folds(store: ArtifactStore):
    split = Split(folds=3)
    request = asked(store, split, "dbscan", fold_metrics=("silhouette",))
    with pytest.raises(InputError, match=r"dbscan assigns no rows .* so it has no folds"):
        train(request, store, nothing)


def test_a_metric_of_folds_names_its_class(store: ArtifactStore):
    names = ("recall", "recall:yes", "recall:no", "recall:maybe")
    request = asked(store, Split(folds=4), fold_metrics=names)
    found = train(request, store, nothing).cross_validation
    assert list(found) == ["recall", "recall:yes", "recall:no"]
    mean = (np.array(found["recall:yes"].values) + np.array(found["recall:no"].values)) / 2
    assert found["recall"].values == pytest.approx(tuple(mean))
    assert found["recall:yes"].mean != pytest.approx(found["recall:no"].mean, abs=0.01)

"""Saved models: the same bytes every time, ordinary skops files, and nothing that is not listed."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from autolearn.ml.captured_warnings import heard
from autolearn.ml.models.skops_file import ModelRefused, dump, load, types_in
from autolearn.ml.models.trusted_types import LOADERS, PREPROCESSING, TRUSTED
from autolearn.ml.plugins import load_estimators
from autolearn.ml.training.calibrate import adjusted
from autolearn.ml.training.fit import TrainingRows, build_pipeline
from autolearn.ml.training.preprocess import preprocessor, selector
from autolearn.schemas.events import TrainingRequested
from autolearn.schemas.training.preprocess import ColumnPreprocessing, Preprocessing
from autolearn.schemas.values import DatasetRef, RunId, Split

MODELS = load_estimators().found
ROWS = 90
random = np.random.default_rng(0)
FEATURES = pd.DataFrame(
    {
        "x": random.normal(size=ROWS),
        "c": pd.Series(np.array(["p", "q", np.nan], dtype=object).repeat(ROWS // 3), dtype=object),
    }
)
LABELS = np.array(["a", "b", "c"])[np.arange(ROWS) % 3]

ENSEMBLES = ("random-forest", "gradient-boosting", "extra-trees", "isolation-forest", "lightgbm")
METRICS = ("canberra", "chebyshev", "cosine", "euclidean", "manhattan", "minkowski")
LOSSES = (
    "epsilon_insensitive",
    "huber",
    "log_loss",
    "modified_huber",
    "squared_epsilon_insensitive",
    "squared_error",
    "squared_hinge",
)


def small(name: str) -> dict[str, Any]:
    if name.startswith("hist-"):
        return {"max_iter": 5}
    return {"n_estimators": 5} if name.startswith(ENSEMBLES) else {}


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, small(name)) for name in MODELS),
    ("logistic-regression", {"solver": "liblinear"}),
    ("logistic-regression", {"solver": "saga", "l1_ratio": 0.5}),
    ("logistic-regression", {"class_weight": {"a": 2.0}}),
    ("svm", {"kernel": "linear", "class_weight": "balanced"}),
    ("svm", {"kernel": "poly", "gamma": 0.5}),
    ("random-forest", {"oob_score": True, "n_estimators": 30, "max_samples": 0.5}),
    ("random-forest", {"class_weight": "balanced_subsample", "n_estimators": 5}),
    ("random-forest-regressor", {"criterion": "poisson", "n_estimators": 5}),
    ("gradient-boosting", {"loss": "exponential", "n_estimators": 5}),
    ("gradient-boosting", {"init": "zero", "n_estimators": 5}),
    ("gradient-boosting", {"n_iter_no_change": 2, "n_estimators": 5, "subsample": 0.5}),
    ("gradient-boosting-regressor", {"loss": "huber", "n_estimators": 5}),
    ("gradient-boosting-regressor", {"loss": "quantile", "n_estimators": 5}),
    ("gradient-boosting-regressor", {"loss": "absolute_error", "n_estimators": 5}),
    ("ridge", {"solver": "sag"}),
    ("ridge", {"positive": True}),
    ("k-means", {"init": "random", "n_init": 2, "algorithm": "elkan"}),
    ("decision-tree", {"monotonic_cst": [1, 0, 0]}),
    ("naive-bayes", {"priors": [0.2, 0.3, 0.5]}),
    ("dummy", {"strategy": "stratified"}),
    ("dummy", {"strategy": "constant", "constant": "a"}),
    ("dummy-regressor", {"strategy": "quantile", "quantile": 0.2}),
    ("hist-gradient-boosting", {"early_stopping": True, "max_features": 0.5, "max_iter": 20}),
    *(
        ("hist-gradient-boosting-regressor", {"loss": loss, "max_iter": 5, "quantile": 0.5})
        for loss in ("absolute_error", "gamma", "poisson", "quantile")
    ),
    *(("k-nearest-neighbours", {"metric": metric}) for metric in METRICS),
    ("k-nearest-neighbours", {"algorithm": "ball_tree", "p": 3, "weights": "distance"}),
    ("k-nearest-neighbours-regressor", {"algorithm": "ball_tree"}),
    *(("sgd", {"loss": loss, "max_iter": 5}) for loss in LOSSES),
    ("sgd", {"early_stopping": True, "average": True}),
    ("sgd-regressor", {"loss": "huber", "max_iter": 5}),
    ("linear-svm", {"loss": "hinge", "class_weight": "balanced"}),
    ("lasso", {"selection": "random", "alpha": 0.1}),
    ("elastic-net", {"positive": True}),
    ("mini-batch-k-means", {"n_clusters": 3, "batch_size": 20}),
    ("dbscan", {"eps": 1.0, "algorithm": "kd_tree"}),
    ("lightgbm", {"boosting_type": "dart", "class_weight": "balanced", "n_estimators": 5}),
    ("isolation-forest", {"contamination": 0.1, "max_samples": 0.5, "n_estimators": 5}),
]
HOW = [
    Preprocessing(),
    Preprocessing("mean", "min-max", "ordinal"),
    Preprocessing("most-frequent", "none", "one-hot"),
]
RICH = Preprocessing(
    scale="robust",
    encode="target",
    indicator=True,
    clip=0.1,
    log=True,
    dates=("year", "hour"),
    columns={"w": ColumnPreprocessing(encode="tf-idf")},
    select=3,
)
"""All parts that the usual preprocessing lacks."""


def fitted(name: str, given: dict[str, Any], how: Preprocessing) -> Pipeline:
    labels = np.where(LABELS == "c", "a", LABELS) if given.get("loss") == "exponential" else LABELS
    if given.get("solver") == "liblinear":
        labels = np.where(LABELS == "c", "a", LABELS)
    if how.encode == "ordinal" and "monotonic_cst" in given:
        given = {"monotonic_cst": [1, 0]}
    if "monotonic_cst" in given:
        labels = np.where(LABELS == "c", "a", LABELS)
    answers = labels if MODELS[name].task == "classification" else FEATURES["x"] + 10
    if MODELS[name].task == "anomaly-detection":
        answers = None
    steps = preprocessor({"x": "number", "c": "string"}, how)
    pipeline = Pipeline([("preprocess", steps), ("estimator", MODELS[name].build(given, seed=1))])
    with heard():
        return pipeline.fit(FEATURES, answers)


@pytest.mark.parametrize(("name", "given"), VARIANTS)
def test_every_variant_is_saved_and_loaded(
    name: str, given: dict[str, Any], tmp_path: Path
) -> None:
    for how in HOW[:1] if "n_estimators" in given else HOW:
        pipeline = fitted(name, given, how)
        content = dump(pipeline, MODELS[name].allowed_types())
        assert dump(pipeline, MODELS[name].allowed_types()) == content
        (tmp_path / "m.skops").write_bytes(content)
        loaded = load(tmp_path / "m.skops", MODELS[name].allowed_types())
        assert dump(loaded, MODELS[name].allowed_types()) == content
        if hasattr(pipeline, "predict"):  # which counts the calls in a tree of neighbours
            np.testing.assert_array_equal(loaded.predict(FEATURES), pipeline.predict(FEATURES))
        else:
            np.testing.assert_array_equal(loaded[-1].labels_, pipeline[-1].labels_)


def tree_of(fitted: Any) -> dict[str, Any]:
    return json.loads(zipfile.ZipFile(io.BytesIO(skops.io.dumps(fitted))).read("schema.json"))


def limited(method: str) -> Pipeline:
    """Return a pipeline that is calibrated and has a threshold."""
    labels = np.where(LABELS == "c", "a", LABELS)
    request = TrainingRequested(
        run=RunId("t"), time_limit=1.0, memory_limit=1, max_attempts=1, estimator="naive-bayes",
        task="classification", library_version="", dataset=DatasetRef("d", ""), target="y",
        schema_hash="", hyperparameters={}, split=Split(), preprocessing=HOW[0], seed=1,
        calibrate=method, threshold="f1:b")  # fmt: skip
    rows = TrainingRows(FEATURES, labels, None)
    types = {"x": "number", "c": "string"}

    def fit(some: TrainingRows) -> Pipeline:
        pipeline = build_pipeline(request, types, MODELS["naive-bayes"])
        return pipeline.fit(some.features, some.answers)

    return adjusted(request, fit(rows), rows, fit).pipeline


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_a_threshold_and_a_calibration_are_saved_and_loaded(method: str, tmp_path: Path) -> None:
    pipeline = limited(method)
    content = dump(pipeline, TRUSTED)
    (tmp_path / "m.skops").write_bytes(content)
    loaded = load(tmp_path / "m.skops", TRUSTED)
    assert dump(loaded, TRUSTED) == content
    np.testing.assert_array_equal(loaded.predict(FEATURES), pipeline.predict(FEATURES))
    np.testing.assert_array_equal(loaded.predict_proba(FEATURES), pipeline.predict_proba(FEATURES))


@pytest.mark.long
def test_the_list_of_trusted_types_is_not_longer_than_needed() -> None:
    used: set[str] = set()
    loaders: set[str] = set()
    for name, given in VARIANTS:
        if MODELS[name].trusted:
            continue
        for how in HOW if not given else HOW[:1]:
            tree = tree_of(fitted(name, given, how))
            used |= types_in(tree)
            loaders |= set(str(tree).split("'")) & LOADERS
    binary = fitted("gradient-boosting", {"n_estimators": 2, "loss": "exponential"}, HOW[0])
    binary.fit(FEATURES, np.where(LABELS == "c", "a", LABELS))
    frame = FEATURES.assign(t=FEATURES.x * 1e8, w="one word or two")
    types = {"x": "number", "c": "string", "t": "timestamp", "w": "string"}
    for task, answers in (("classification", LABELS), ("regression", FEATURES.x)):
        steps = [("preprocess", preprocessor(types, RICH, task)), ("select", selector(RICH, task))]
        used |= types_in(tree_of(Pipeline(steps).fit(frame, answers)))
    for method in ("sigmoid", "isotonic"):
        used |= types_in(tree_of(limited(method)))
    assert used <= TRUSTED | PREPROCESSING
    # two classes with the default loss; see the next test
    assert TRUSTED - used == {"sklearn._loss.link.LogitLink", "sklearn._loss.loss.HalfBinomialLoss"}
    assert loaders == LOADERS


def test_two_classes_with_the_default_loss(tmp_path: Path) -> None:
    steps = preprocessor({"x": "number", "c": "string"}, HOW[0])
    model = MODELS["gradient-boosting"]
    pipeline = Pipeline([("preprocess", steps), ("e", model.build({"n_estimators": 2}, seed=1))])
    pipeline.fit(FEATURES, np.where(LABELS == "c", "a", LABELS))
    content = dump(pipeline, model.allowed_types())
    (tmp_path / "m.skops").write_bytes(content)
    assert load(tmp_path / "m.skops", model.allowed_types())
    tree = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("schema.json"))
    assert "sklearn._loss.loss.HalfBinomialLoss" in types_in(tree)


def test_it_is_an_ordinary_skops_file() -> None:
    pipeline = fitted("logistic-regression", {}, HOW[0])
    content = dump(pipeline, TRUSTED)
    assert skops.io.get_untrusted_types(data=content) == ["numpy.dtype"]
    loaded = skops.io.loads(content, trusted=["numpy.dtype"])
    np.testing.assert_array_equal(loaded.predict_proba(FEATURES), pipeline.predict_proba(FEATURES))


def test_a_type_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    nearest = NearestCentroid().fit([[0], [1], [3], [4]], [0, 0, 1, 1])
    with pytest.raises(ModelRefused, match=r"NearestCentroid.*not trusted"):
        dump(nearest, TRUSTED)
    (tmp_path / "m.skops").write_bytes(skops.io.dumps(nearest))
    with pytest.raises(ModelRefused, match="NearestCentroid"):
        load(tmp_path / "m.skops", TRUSTED)


def test_a_random_generator_names_no_other_function(tmp_path: Path) -> None:
    """skops calls the numpy.random attribute that a generator's state names."""
    content = skops.io.dumps({"one": np.random.default_rng(0)})
    file = tmp_path / "m.skops"
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(file, "w") as crafted:
        for name in source.namelist():
            crafted.writestr(name, source.read(name).replace(b"PCG64", b"seed"))
    with pytest.raises(ModelRefused, match=r"numpy\.random\.seed"):
        load(file, TRUSTED)


def test_functions_are_refused_even_where_skops_trusts_them(tmp_path: Path) -> None:
    pipeline = Pipeline([("f", FunctionTransformer(np.log1p))]).fit([[1.0]])
    raw = skops.io.dumps(pipeline)
    assert skops.io.get_untrusted_types(data=raw) == []
    (tmp_path / "m.skops").write_bytes(raw)
    with pytest.raises(ModelRefused, match="<FunctionNode>"):
        load(tmp_path / "m.skops", TRUSTED)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_skops_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.skops").write_bytes(content)
    with pytest.raises(ModelRefused, match="not a skops file"):
        load(tmp_path / "m.skops", TRUSTED)

"""Trainings in batches, beside those of all rows at once."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.datasets import row_batches, sampled_rows
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.models import skops_file
from autolearn.ml.plugins import find_estimator
from autolearn.ml.training.train import train
from autolearn.schemas.training.preprocess import ColumnPreprocessing, Preprocessing
from autolearn.schemas.values import Split
from tests.support.run_samples import evaluation, nothing, put, training

RNG = np.random.default_rng(11)
ROWS = 1_500
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=ROWS),
        "late": np.where(np.arange(ROWS) < 600, np.nan, RNG.normal(5, 2, ROWS)),
        "count": RNG.integers(0, 9, ROWS),
        "city": RNG.choice([f"city {n}" for n in range(300)], ROWS),
        "old": RNG.random(ROWS) < 0.3,
    }
)
FRAME.loc[RNG.random(ROWS) < 0.1, ["x", "city"]] = None
FRAME["y"] = np.where(FRAME.x.fillna(0) + FRAME["count"] / 5 > 1, "yes", "no")
CONTENT = FRAME.to_csv(index=False).encode()
HASH, WHOLE = Split(0.25, True, "hash"), Split(0.25, True, "hash", whole=True)
HOW = {
    "usual": Preprocessing(),
    "exact": Preprocessing(impute="mean", scale="min-max", encode="ordinal", log=True),
    "rare": Preprocessing(impute="constant", fill_value=2.0, min_frequency=6, indicator=True),
    "mixed": Preprocessing(
        clip=0.05,
        columns={"x": ColumnPreprocessing(impute="mean", clip=0.0, scale="robust")},
        select=0.5,
    ),
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """Return a store; batches have 256 rows, so that there are six of them."""
    monkeypatch.setattr(row_batches, "_MOST_ROWS", 256)
    return ArtifactStore((tmp_path / "store").as_uri())


def trained(store: ArtifactStore, model: str, *, batches: bool, **more: Any) -> tuple[Any, Path]:
    fields = {"dataset": put(store, CONTENT), "target": "y", "split": HASH, **more}
    result = train(training(store, model, batches=batches, **fields), store, nothing)
    return result, store.fetch_folder(result.artifact.digest, Path())


def close(one: Any, other: Any) -> bool:
    """Return whether two fitted steps have equal attributes, but for the last bits of numbers."""
    if hasattr(one, "get_params"):
        return type(one) is type(other) and all(
            close(value, vars(other)[name]) for name, value in vars(one).items()
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, np.ndarray) and one.dtype.kind == "f":
        return np.allclose(one, other, rtol=1e-12, atol=1e-12)
    return bool(np.array_equal(one, other)) or (one != one and other != other)


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_preprocessing_learns_in_batches_what_it_learns_of_all_rows(
    store: ArtifactStore, how: Preprocessing
):
    results, pipelines = [], []
    split = HASH if how is HOW["usual"] else WHOLE
    for batches in (True, False):
        result, folder = trained(
            store, "naive-bayes", batches=batches, preprocessing=how, split=split
        )
        files = {
            name: json.loads((folder / name).read_bytes())
            for name in ("schema.json", "example.json", "profile.json")
        }
        del files["profile.json"]["scores"]  # of shares that may differ in the last bit
        types = find_estimator("naive-bayes").allowed_types()
        pipelines.append(skops_file.load(folder / "model.skops", types))
        results.append((files, result.rows_train, result.rows_test))
        assert json.loads((folder / "plan.json").read_bytes())
    assert results[0] == results[1]
    assert close(pipelines[0][0], pipelines[1][0])
    named = [vars(one[-1]) for one in pipelines]
    for name in ("theta_", "class_prior_", "classes_"):
        assert close(named[0][name], named[1][name])


@pytest.mark.parametrize(
    ("model", "target", "hyperparameters", "metric", "least"),
    [
        ("sgd", "y", {"loss": "log_loss"}, "roc-auc", 0.95),
        ("sgd", "city", {"max_iter": 2}, "accuracy", 0.0),
        ("sgd-regressor", "late", {"loss": "huber"}, "r2", -1.0),
        ("mini-batch-k-means", None, {"n_clusters": 3}, "silhouette", 0.0),
    ],
)
def test_the_same_request_gives_the_same_bytes(
    store: ArtifactStore,
    model: str,
    target: str | None,
    hyperparameters: dict[str, Any],
    metric: str,
    least: float,
):
    more = {"target": target, "hyperparameters": hyperparameters}
    results = [trained(store, model, batches=True, **more)[0] for _ in range(2)]
    assert results[0].artifact == results[1].artifact
    assert results[0].parameters["passes"] <= hyperparameters.get("max_iter", 1_000)
    asked = evaluation(results[0].artifact.digest, (metric,), put(store, CONTENT))
    found = evaluate(asked, store, nothing)
    assert found.rows == results[0].rows_test
    assert found.results[metric] >= least


def test_held_out_rows_are_evaluated_in_batches_as_at_once(store: ArtifactStore):
    one, folder = trained(
        store, "naive-bayes", batches=True, weight="count", left_out={"count": ""}
    )
    names = ("accuracy", "f1:yes", "roc-auc", "log-loss", "confusion-matrix")
    asked = evaluation(
        one.artifact.digest, names, put(store, CONTENT), plots=("roc",), baseline_model=(0.5, 0.5)
    )
    found = evaluate(asked, store, nothing)
    record = json.loads((folder / "training.json").read_bytes())
    del record["batches"]  # so the evaluation takes it for one of all rows at once
    (folder / "training.json").write_text(json.dumps(record))
    again = evaluate(
        evaluation(
            store.put_folder(folder).digest, names, asked.dataset, baseline_model=(0.5, 0.5)
        ),
        store,
        nothing,
    )
    assert found.rows_sha256 == again.rows_sha256
    assert found.baseline == again.baseline
    assert found.results.pop("confusion-matrix") == again.results.pop("confusion-matrix")
    assert found.results == pytest.approx(again.results, abs=1e-12)
    assert found.plot_data["roc"]["classes"]


def test_large_data_have_quantiles_of_a_sample_that_no_batch_changes(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("autolearn.ml.training.batches.statistics._SAMPLE_CELLS", 2_500)
    assert sampled_rows.SampledRows(2, 0).rows() is None
    one = trained(store, "naive-bayes", batches=True)[0]
    assert (
        one.parameters["means"]
        != trained(store, "naive-bayes", batches=False)[0].parameters["means"]
    )
    monkeypatch.setattr(row_batches, "_MOST_ROWS", 700)
    other = trained(store, "naive-bayes", batches=True)[1]
    profile = json.loads((other / "profile.json").read_bytes())["features"]
    assert sum(profile["count"]["counts"]) == 1_000
    folder = store.fetch_folder(one.artifact.digest, Path())
    assert (folder / "profile.json").read_bytes() == (other / "profile.json").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": Split(0.25, True, "time", "x")}, "split by hash"),
        ({"split": Split(0.25, True, "hash", folds=3)}, "folds"),
        ({"preprocessing": Preprocessing(drop_duplicates=True)}, "repeated rows"),
        ({"preprocessing": Preprocessing(balance="oversample")}, "by weights"),
        ({"preprocessing": Preprocessing(encode="target")}, "cross-fitted"),
        ({"threshold": "0.3:yes"}, "threshold"),
        ({"hyperparameters": {"early_stopping": True}}, "early_stopping"),
        ({"split": Split(0.0001, True, "hash")}, "0 held out"),
    ],
)
def test_what_looks_at_all_rows_is_refused(
    store: ArtifactStore, change: dict[str, Any], words: str
):
    with pytest.raises(InputError, match=words):
        trained(store, "sgd", batches=True, **change)


def test_an_estimator_of_all_rows_is_refused(store: ArtifactStore):
    with pytest.raises(InputError, match="learns in no batches"):
        trained(store, "decision-tree", batches=True)

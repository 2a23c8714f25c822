"""Predictions batch by batch: the same as of all rows at once, and counted for each batch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.plans import estimator_input
from autolearn.ml.plans.estimator_input import EstimatorInput
from autolearn.ml.prediction import batch_records
from autolearn.ml.prediction import predict as module
from autolearn.ml.prediction.batch_records import shortened, together
from autolearn.ml.prediction.predict import predict
from autolearn.ml.training.train import train
from autolearn.schemas.results import PredictedBatch, PredictionResult
from autolearn.schemas.training.preprocess import Preprocessing
from tests.ml.prediction.test_predict import asked, trained
from tests.ml.test_categories import known
from tests.support.run_samples import PENGUINS, nothing, training


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


@pytest.mark.parametrize(
    ("model", "encode"),
    [("logistic-regression", "one-hot"), ("random-forest", "ordinal"), ("ridge", "one-hot")],
)
def test_a_plan_gives_the_same_bytes_as_scikit_learn(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, encode: str
) -> None:
    monkeypatch.setattr(module, "_BATCH", 100)
    artifact = trained(store, model, preprocessing=Preprocessing(encode=encode))
    strange = PENGUINS + b"Adelie,Crete,39.1,18.7,181,3750,male,2007\n"
    request = replace(asked(store, tmp_path, artifact, strange), form="parquet")
    planned, ready = list[int](), estimator_input._ready

    def seen(plan: Any, features: pd.DataFrame, order: Any) -> Any:
        planned.append(len(features))
        return ready(plan, features, order)

    monkeypatch.setattr(estimator_input, "_ready", seen)
    with_plan = predict(request, store, nothing)
    assert planned == [100, 100, 100, 100, 100, 44], "proved twice; a new island is in the last"
    assert with_plan.unseen == {"island": 1}
    monkeypatch.setattr(EstimatorInput, "of", lambda *_: None)
    without = predict(request, store, nothing)
    assert with_plan.output == without.output
    assert [*with_plan.output.files] == ["rows.parquet"]


def test_a_plan_that_differs_in_one_bit_is_not_used(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(store, tmp_path, trained(store, "logistic-regression"), PENGUINS)
    right = predict(request, store, nothing)
    looked_up = estimator_input._looked_up

    def wrong(*given: Any) -> Any:
        return np.nextafter(looked_up(*given), 2.0)

    monkeypatch.setattr(estimator_input, "_looked_up", wrong)
    assert predict(request, store, nothing).output == right.output


@pytest.mark.parametrize(("last", "unseen"), [("1", {}), ("2", {"x": 40})])
def test_a_value_means_the_same_in_each_batch(
    store: ArtifactStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last: str,
    unseen: dict[str, int],
) -> None:
    """1 is true where all other values are 0 and 1: the last row decides for the first batch."""
    own = "x,y\n" + "true,yes\nfalse,no\n" * 20
    request = training(store, **known(store, tmp_path, own), target="y", schema_hash="")
    artifact = train(request, store, nothing).artifact.digest
    others = "x\n" + "1\n0\n" * 19 + f"1\n{last}\n"
    monkeypatch.setattr(module, "_BATCH", 10)
    parts = predict(asked(store, tmp_path, artifact, others.encode()), store, nothing)
    assert parts.unseen == unseen
    assert parts.notes == (() if unseen else ("x: took 1 for true, 0 for false",))
    monkeypatch.setattr(module, "_BATCH", 10_000)
    whole = predict(asked(store, tmp_path, artifact, others.encode()), store, nothing)
    assert whole.output.files["rows.csv"] == parts.output.files["rows.csv"]
    assert (whole.unseen, whole.notes) == (parts.unseen, parts.notes)


def scored(
    store: ArtifactStore, tmp_path: Path, model: str, **more: Any
) -> tuple[PredictionResult, dict[str, Any]]:
    """Predict the penguins; return the profile of the artifact as well."""
    artifact = trained(store, model, **more)
    sensitive = more.get("sensitive", ())
    request = asked(store, tmp_path, artifact, PENGUINS, sensitive=sensitive)
    profile = store.fetch_folder(artifact, tmp_path / "artifact") / "profile.json"
    return predict(request, store, nothing), json.loads(profile.read_bytes())["scores"]


def test_labels_and_scores_are_counted_for_each_batch(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 100)
    result, profile = scored(store, tmp_path, "naive-bayes")
    assert [one.rows for one in result.batches] == [100, 100, 100, 44]
    assert [sum(one.scores) for one in result.batches] == [100, 100, 100, 44]
    assert list(result.score_edges) == profile["confidence"]["edges"]
    assert together(result.batches).counts == result.counts
    rows = pd.read_csv(store.fetch_folder(result.output.digest, tmp_path) / "rows.csv")
    assert result.batches[3].counts == rows["prediction"][300:].value_counts().to_dict()
    result, profile = scored(store, tmp_path, "ridge")
    assert list(result.score_edges) == profile["edges"]
    assert [sum(one.scores) for one in result.batches] == [100, 100, 100, 44]
    assert {len(one.scores) for one in result.batches} == {len(profile["counts"])}
    result, _ = scored(store, tmp_path, "k-means")
    assert (result.score_edges, sum(result.batches[0].counts.values())) == ((), 100)
    result, _ = scored(store, tmp_path, "naive-bayes", sensitive=("species",))
    assert (result.batches[0].counts, sum(result.batches[0].scores)) == ({}, 100)


def test_many_batches_become_fewer_and_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [PredictedBatch(10, {"a": 4, f"b{at % 2}": 6}, (at, 1)) for at in range(9)]
    monkeypatch.setattr(batch_records, "BATCHES_BYTES", 200)
    found = shortened(batches)
    assert [one.rows for one in found] == [40, 40, 10]
    assert found[0] == PredictedBatch(40, {"a": 16, "b0": 12, "b1": 12}, (6, 4))
    assert shortened(batches[:1]) == (batches[0],)

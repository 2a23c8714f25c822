"""Predictions for rows: what is in the output, and what is said about rows that fit less well."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.datasets.table import read_table
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.stored_artifact import open_model
from autolearn.ml.prediction import predict as module
from autolearn.ml.prediction import row_files
from autolearn.ml.prediction.predict import predict
from autolearn.ml.training.train import train
from autolearn.schemas.events import PredictionRequested
from autolearn.schemas.results import PREDICTION_FILES, PredictionResult
from autolearn.schemas.values import DatasetRef
from tests.support.run_samples import PENGUINS, nothing, training


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def asked(store: ArtifactStore, tmp_path: Path, artifact: str, content: bytes, **more: Any):
    """Ask for predictions of a file, which is read as the API would find out."""
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    version = store.put_blob([content]).digest
    spec = profile(
        file, name="rows", format="csv", version=version, bytes=len(content), wanted=COLUMNS
    )
    fields: dict[str, Any] = {
        "run": "p1",
        "training": "t1",
        "artifact": artifact,
        "dataset": DatasetRef("rows", version),
        "read": spec.read,
        "time_limit": 60.0,
        "memory_limit": 2048,
        "max_attempts": 3,
    }
    return PredictionRequested(**(fields | more))


COLUMNS = tuple(PENGUINS.decode().splitlines()[0].split(","))


def trained(store: ArtifactStore, model: str, **more: Any) -> str:
    return train(training(store, model, **more), store, nothing).artifact.digest


def rows_of(store: ArtifactStore, result: PredictionResult, into: Path) -> dict[str, pd.DataFrame]:
    """Read each file of a prediction, by another program than the one that wrote it."""
    folder = store.fetch_folder(result.output.digest, into)
    assert {*PREDICTION_FILES.values()} == {*result.output.files}
    return {
        "csv": pd.read_csv(folder / "rows.csv"),
        "jsonl": pd.read_json(folder / "rows.jsonl", lines=True, precise_float=True),
        "parquet": pd.read_parquet(folder / "rows.parquet"),
    }


def test_each_row_has_its_class_and_the_probabilities_in_the_order_of_the_rows(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 100)  # several batches
    artifact = trained(store, "logistic-regression")
    request = asked(store, tmp_path, artifact, PENGUINS, input_columns=("island", "body_mass_g"))
    result = predict(request, store, nothing)
    model = open_model(store, artifact, tmp_path)
    table = read_table(tmp_path / "rows.csv", request.read)
    features = table.features({one.name: one.type for one in model.schema.columns})
    expected = model.pipeline.predict_proba(features)
    classes = [f"probability_{name}" for name in model.pipeline.classes_]
    assert result.columns == ("island", "body_mass_g", "prediction", *classes)
    assert result.rows == len(features) == 344
    for name, found in rows_of(store, result, tmp_path).items():
        assert found.columns.tolist() == list(result.columns), name
        assert found["prediction"].tolist() == model.pipeline.predict(features).tolist(), name
        assert np.array_equal(found[classes].to_numpy(), expected), name
        assert found["island"].tolist() == table.arrays["island"].to_pylist(), name
        assert np.array_equal(found["body_mass_g"], features["body_mass_g"], equal_nan=True), name
    assert sum(result.counts.values()) == 344
    assert set(result.counts) == {"Adelie", "Chinstrap", "Gentoo"}
    assert (result.unseen, result.notes) == ({}, ())


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        ("ridge", ("prediction",)),
        ("svm", ("prediction",)),
        ("k-means", ("cluster",)),
        ("isolation-forest", ("anomaly", "score")),
    ],
)
def test_the_columns_of_each_task(
    store: ArtifactStore, tmp_path: Path, model: str, columns: tuple[str, ...]
) -> None:
    result = predict(asked(store, tmp_path, trained(store, model), PENGUINS), store, nothing)
    assert result.columns == columns
    found = rows_of(store, result, tmp_path)["parquet"]
    assert not found.isna().any(axis=None)
    if model == "isolation-forest":
        assert found["score"][found["anomaly"]].min() > found["score"][~found["anomaly"]].max()
        assert set(result.counts) == {"true", "false"}
    elif model == "ridge":
        assert result.counts == {}


def test_what_is_odd_about_the_rows_is_said(store: ArtifactStore, tmp_path: Path) -> None:
    """New categories, a column without values, one that is not used, one of the name of ours."""
    header = "island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year,prediction"
    lines = [header, "Crete,40,18,190,,male,2009,x", "Biscoe,50,14,220,,female,2009,y"]
    artifact = trained(store, "decision-tree", left_out={"year": "dropped"})
    content = "\n".join(lines).encode()
    request = asked(store, tmp_path, artifact, content, input_columns=("year", "prediction"))
    result = predict(request, store, nothing)
    assert result.columns[:2] == ("year", "prediction")
    assert result.unseen == {"island": 1}
    assert result.notes == (
        "without any value, so imputed: body_mass_g",
        "left out, as the predictions have columns of that name: prediction",
    )
    result = predict(replace(request, input_columns=()), store, nothing)
    assert result.notes[-1] == "not used by the model: year, prediction"


def test_a_missing_column_is_refused_by_its_name(store: ArtifactStore, tmp_path: Path) -> None:
    artifact = trained(store, "decision-tree")
    content = b"island,sex\nBiscoe,male\n"
    with pytest.raises(
        InputError, match="lacks columns that the model needs: bill_length_mm, bill"
    ):
        predict(asked(store, tmp_path, artifact, content), store, nothing)


def test_bounds_on_rows_and_bytes(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(store, tmp_path, trained(store, "decision-tree"), PENGUINS)
    monkeypatch.setattr(row_files, "PREDICTED_BYTES", 1000)
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        predict(request, store, nothing)
    monkeypatch.setattr(module, "PREDICTED_ROWS", 343)
    with pytest.raises(InputError, match="more than 343 rows"):
        predict(request, store, nothing)


def test_a_clusterer_that_assigns_no_new_rows_predicts_none(
    store: ArtifactStore, tmp_path: Path
) -> None:
    request = asked(store, tmp_path, trained(store, "dbscan"), PENGUINS)
    with pytest.raises(InputError, match="assigns no rows but those that it was fitted on"):
        predict(request, store, nothing)


def test_classes_of_a_sensitive_target_are_not_counted(
    store: ArtifactStore, tmp_path: Path
) -> None:
    artifact = trained(store, "decision-tree", sensitive=("species",))
    request = asked(store, tmp_path, artifact, PENGUINS, sensitive=("species",))
    assert predict(request, store, nothing).counts == {}

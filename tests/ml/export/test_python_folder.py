"""Versions as folders: their predict.py answers as the endpoint does."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from autolearn.artifacts.datasets.column_evidence import MISSING_IN_TEXT, MISSING_WORDS
from autolearn.ml.evaluation.stored_artifact import open_folder
from autolearn.ml.export import predict
from autolearn.ml.export.python_folder import write_python
from autolearn.ml.imports.check import import_model
from autolearn.ml.models.skops_file import ModelRefused
from autolearn.ml.models.trusted_types import IMPORTED
from autolearn.ml.plugins import find_estimator
from autolearn.ml.prediction.online import OnlineModel
from autolearn.schemas.training.preprocess import ColumnPreprocessing, Preprocessing
from tests.ml.imports import samples as imports
from tests.ml.plans.test_plan import rows
from tests.ml.prediction.test_online import ROW, opened


def exported(tmp_path: Path, estimator: str, **more: Any) -> tuple[Any, Path]:
    """The model of a training, and its folder."""
    store, digest, model = opened(tmp_path, estimator, **more)
    folder, into = store.fetch_folder(digest, tmp_path / "folder"), tmp_path / "out.zip"
    allowed = find_estimator(estimator).allowed_types()
    write_python(folder, into, allowed, "penguins@3 was trained")
    with zipfile.ZipFile(into) as packed:
        packed.extractall(tmp_path / "export")
    return model, tmp_path / "export"


@pytest.mark.parametrize(
    ("estimator", "more"),
    [
        ("random-forest", {}),
        (
            "logistic-regression",
            {
                "target": "sex",
                "threshold": "0.2:male",
                "preprocessing": Preprocessing(
                    log=True, columns={"species": ColumnPreprocessing(encode="tf-idf")}
                ),
            },
        ),
        ("lightgbm", {}),
        ("ridge", {"target": "body_mass_g", "task": "regression"}),
        ("k-means", {"target": None, "task": "clustering"}),
        ("isolation-forest", {"target": None, "task": "anomaly-detection"}),
    ],
)
def test_it_answers_as_the_endpoint(tmp_path: Path, estimator: str, more: dict[str, Any]):
    """Bit for bit, gaps and an unknown category included."""
    model, folder = exported(tmp_path, estimator, **more)
    records = [*rows(), rows()[0] | {"island": "Mars"}]
    assert predict.PortableModel(folder).answer(records) == model.answer(records).rows
    pins = (folder / "requirements.txt").read_text()
    assert f"scikit-learn=={metadata.version('scikit-learn')}\n" in pins
    assert ("lightgbm==" in pins) is (estimator == "lightgbm")
    assert "autolearn" not in pins


def test_what_does_not_fit_is_refused(tmp_path: Path):
    _, folder = exported(tmp_path, "decision-tree")
    model = predict.PortableModel(folder)
    for bad, words in [
        ({k: v for k, v in ROW.items() if k != "sex"}, "row 1: the column sex is missing"),
        (ROW | {"year": True}, "row 1: year wants a integer; got True"),
        (ROW | {"body_mass_g": float("inf")}, "body_mass_g wants a integer; got inf"),
        (ROW | {"island": 7}, "island wants a string; got 7"),
    ]:
        with pytest.raises(ValueError, match=words):
            model.answer([ROW, bad])
    with pytest.raises(ValueError, match="row 0 has 1 fields, the header 2"):
        model.rows_of_csv("a,b\n1\n")


def test_words_for_gaps_are_those_of_datasets():
    assert {"", *MISSING_IN_TEXT} == predict.GAPS_IN_TEXT
    assert {"", *MISSING_WORDS} == predict.GAPS


def test_types_that_are_not_trusted_are_not_exported(tmp_path: Path):
    store, digest, _ = opened(tmp_path, "decision-tree")
    folder = store.fetch_folder(digest, tmp_path / "folder")
    (folder / "model.skops").write_bytes(b"no zip")
    allowed = find_estimator("decision-tree").allowed_types()
    with pytest.raises(ModelRefused, match="not a skops file"):
        write_python(folder, tmp_path / "out.zip", allowed, "x@1 was trained")


def test_an_imported_pipeline_answers_as_the_endpoint(tmp_path: Path):
    sent, into = tmp_path / "sent.zip", tmp_path / "out.zip"
    sent.write_bytes(imports.zipped(imports.forest()))
    (folder := tmp_path / "folder").mkdir()
    import_model(sent, folder)
    write_python(folder, into, IMPORTED, "churn@1 was imported")
    with zipfile.ZipFile(into) as packed:
        packed.extractall(tmp_path / "export")
    records = imports.rows(12).dropna().to_dict("records")
    online = OnlineModel(open_folder(folder)).answer(records)
    assert predict.PortableModel(tmp_path / "export").answer(records) == online.rows


@pytest.mark.long
def test_the_folder_answers_in_a_new_environment(tmp_path: Path):
    """Without AutoLearn, with the pinned requirements alone; CSV and JSON, from file and pipe."""
    model, folder = exported(tmp_path, "random-forest")
    python = tmp_path / "venv" / "bin" / "python"
    quiet = {"check": True, "capture_output": True, "text": True}
    subprocess.run([sys.executable, "-m", "uv", "venv", tmp_path / "venv"], **quiet)
    install = [sys.executable, "-m", "uv", "pip", "install", "--python", python]
    subprocess.run([*install, "-r", folder / "requirements.txt"], **quiet)
    path = {"PATH": os.environ["PATH"]}
    told = subprocess.run(
        [python, folder / "predict.py", "-", "-o", "json"],
        **{**quiet, "input": json.dumps(rows()), "env": path, "cwd": tmp_path},
    )
    expected = model.answer(rows()).rows
    assert [json.loads(line) for line in told.stdout.splitlines()] == expected
    (tmp_path / "rows.csv").write_text(csv_of(rows()))
    told = subprocess.run(
        [python, folder / "predict.py", tmp_path / "rows.csv"], **{**quiet, "env": path}
    )
    lines = list(csv.DictReader(io.StringIO(told.stdout)))
    assert [one["prediction"] for one in lines] == [one["prediction"] for one in expected]
    assert float(lines[3]["probability_Adelie"]) == expected[3]["probabilities"]["Adelie"]
    absent = subprocess.run([python, "-c", "import autolearn"], cwd=tmp_path, env=path, check=False)
    assert absent.returncode == 1


def csv_of(records: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    lines = csv.DictWriter(out, [*records[0]])
    lines.writeheader()
    lines.writerows(records)
    return out.getvalue()

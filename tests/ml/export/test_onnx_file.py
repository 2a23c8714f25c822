"""Versions as ONNX: the answers of scikit-learn, or a refusal that names the part."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError
from autolearn.ml.export import onnx_file
from autolearn.ml.export.onnx_file import write_onnx
from autolearn.ml.plugins import find_estimator
from autolearn.schemas.training.preprocess import ColumnPreprocessing, Preprocessing
from tests.ml.plans.test_plan import rows
from tests.ml.prediction.test_online import opened
from tests.ml.prediction.test_predict import trained
from tests.support.run_samples import PENGUINS, put

TEXTS = ("species", "island", "sex")


def session(tmp_path: Path, estimator: str, **more: Any) -> tuple[Any, Any]:
    """The model of a training, and ONNX Runtime with its file."""
    store, digest, model = opened(tmp_path, estimator, **more)
    folder, into = store.fetch_folder(digest, tmp_path / "folder"), tmp_path / "out.onnx"
    data = store.fetch_dataset(model.stored.training.dataset, tmp_path)
    write_onnx(folder, into, find_estimator(estimator), "penguins@3", data)
    return model, onnxruntime.InferenceSession(into, providers=["CPUExecutionProvider"])


def given(records: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Rows as the documentation says that they are given."""
    found: dict[str, Any] = {}
    for name in names:
        values = [one[name] for one in records]
        if name in TEXTS:
            found[name] = np.array([[one or ""] for one in values], dtype=object)
        else:
            found[name] = np.array([[np.nan if one is None else one] for one in values], float)
    return found


LIMITED = {"target": "sex", "threshold": "0.2:male"}


@pytest.mark.parametrize(
    ("estimator", "how", "more"),
    [
        ("logistic-regression", {"min_frequency": 60, "scale": "robust"}, {}),
        ("logistic-regression", {"log": True, "clip": 0.05, "select": 3}, {}),
        ("logistic-regression", {}, LIMITED),
        ("decision-tree", {}, LIMITED | {"threshold": "0.5:female"}),
        ("random-forest", {"encode": "ordinal", "impute": "most-frequent"}, {}),
        ("hist-gradient-boosting", {"encode": "target", "scale": "min-max"}, {}),
        ("svm", {"columns": {"year": ColumnPreprocessing(impute="constant", fill_value=0)}}, {}),
    ],
    ids=str,
)
def test_onnx_runtime_answers_as_the_endpoint(
    tmp_path: Path, estimator: str, how: dict[str, Any], more: dict[str, Any]
):
    """For all penguins, which have gaps, and one from an island that no training has."""
    more = more | {"preprocessing": Preprocessing(**how)}
    model, onnx = session(tmp_path, estimator, **more)
    records = [*rows(), rows()[0] | {"island": "Mars"}]
    labels, *shares = onnx.run(None, given(records, [*model.columns]))
    answers = model.answer(records).rows
    assert labels.tolist() == [one["prediction"] for one in answers]
    expected = [[*one["probabilities"].values()] for one in answers if "probabilities" in one]
    assert len(shares) == (1 if expected else 0)
    if expected:
        assert np.allclose(shares[0], expected, rtol=0, atol=1e-5)
    about = onnx.get_modelmeta().custom_metadata_map
    assert about["model"] == "penguins@3"
    assert re.fullmatch(r"8[4-7] held-out rows and 1005 others", about["compared"])
    if expected:
        assert json.loads(about["classes"]) == [*answers[0]["probabilities"]]


@pytest.mark.parametrize(
    ("estimator", "more"),
    [
        ("ridge", {"target": "body_mass_g", "task": "regression"}),
        ("random-forest-regressor", {"target": "body_mass_g", "task": "regression"}),
        ("k-means", {"target": None, "task": "clustering"}),
    ],
)
def test_other_tasks_have_onnx_as_well(tmp_path: Path, estimator: str, more: dict[str, Any]):
    model, onnx = session(tmp_path, estimator, **more)
    (said,) = onnx.run(None, given(rows(), [*model.columns]))
    expected = [next(iter(one.values())) for one in model.answer(rows()).rows]
    assert np.allclose(said.ravel(), np.array(expected, dtype=float), rtol=1e-5)


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"preprocessing": Preprocessing(indicator=True)}, "MissingIndicator of island"),
        (
            {"preprocessing": Preprocessing(columns={"sex": ColumnPreprocessing(encode="tf-idf")})},
            "TextVectorizer of sex",
        ),
    ],
    ids=str,
)
def test_what_onnx_cannot_hold_is_named(tmp_path: Path, more: dict[str, Any], part: str):
    with pytest.raises(InputError, match=f"ONNX cannot hold {part}.*no converter") as refused:
        session(tmp_path, "logistic-regression", **more)
    assert refused.value.advice == "Export it as python."
    assert not (tmp_path / "out.onnx").exists()


def test_columns_keep_their_names_whatever_these_are(tmp_path: Path):
    store = ArtifactStore((tmp_path / "store").as_uri())
    names = {
        b"sex": b"label",
        b"island": b"column_3",
        b"year": b"the year",
        b"bill_": b"a-\xc3\xb6_",
    }
    data = PENGUINS
    for old, new in names.items():
        data = data.replace(old, new)
    folder = store.fetch_folder(trained(store, "naive-bayes", dataset=put(store, data)), tmp_path)
    write_onnx(folder, tmp_path / "out", find_estimator("naive-bayes"), "penguins@3", None)
    found = onnxruntime.InferenceSession(tmp_path / "out", providers=["CPUExecutionProvider"])
    inputs = [one.name for one in found.get_inputs()]
    assert inputs[:3] == ["column_3", "a-ö_length_mm", "a-ö_depth_mm"]
    assert inputs[5:] == ["label", "the year"]
    assert [one.name for one in found.get_outputs()] == ["predicted_label", "probabilities"]


def test_other_answers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tables = onnx_file._tables

    def wrong(encoder: Any) -> Any:
        for known, table in tables(encoder):
            yield known, table * 0.9

    monkeypatch.setattr(onnx_file, "_tables", wrong)
    with pytest.raises(InputError, match="gives other answers than scikit-learn: the probab"):
        session(tmp_path, "logistic-regression")

"""Plans: the same bits as scikit-learn, or none."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autolearn.ml.evaluation.drawn_rows import STRANGE
from autolearn.ml.plans.plan import NoPlan, compared, compiled
from autolearn.ml.prediction.batch_predictor import predicted_columns
from autolearn.schemas.training.preprocess import ColumnPreprocessing, Preprocessing
from tests.ml.prediction.test_online import opened
from tests.support.run_samples import PENGUINS

CLASSIFIERS = [
    "logistic-regression", "decision-tree", "random-forest", "extra-trees", "gradient-boosting",
    "hist-gradient-boosting", "k-nearest-neighbours", "naive-bayes", "svm", "linear-svm", "sgd",
    "dummy",
]  # fmt: skip
REGRESSORS = [
    "ridge", "lasso", "elastic-net", "linear-regression", "random-forest-regressor",
    "extra-trees-regressor", "gradient-boosting-regressor", "hist-gradient-boosting-regressor",
    "k-nearest-neighbours-regressor", "sgd-regressor", "dummy-regressor",
]  # fmt: skip

WHOLE = {
    "logistic-regression", "random-forest", "extra-trees", "ridge", "lasso", "elastic-net",
    "linear-regression", "random-forest-regressor", "extra-trees-regressor", "decision-tree",
    "gradient-boosting", "gradient-boosting-regressor", "hist-gradient-boosting",
    "hist-gradient-boosting-regressor", "isolation-forest",
}  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """The penguins, of which some have gaps."""
    frame = pd.read_csv(io.BytesIO(PENGUINS)).astype(object)
    return [
        {name: None if value != value else value for name, value in record.items()}
        for record in frame.to_dict("records")
    ]


def same_without_plan(model: Any) -> None:
    """Check that the answers are those without a plan, bit for bit."""
    many, one = model.answer(rows()), model.answer(rows()[:1])
    model.plan = None
    for by_plan, without in ((many, model.answer(rows())), (one, model.answer(rows()[:1]))):
        assert by_plan.rows == without.rows
        assert by_plan.warnings == without.warnings


@pytest.mark.parametrize("estimator", [*CLASSIFIERS, *REGRESSORS, "isolation-forest"])
def test_every_estimator_answers_by_a_plan_as_without(tmp_path: Path, estimator: str):
    more = {"target": "body_mass_g", "task": "regression"} if estimator in REGRESSORS else {}
    if estimator == "isolation-forest":
        more = {"target": None, "task": "anomaly-detection"}
    *_, model = opened(tmp_path, estimator, **more)
    assert model.plan is not None, model.unplanned
    verdict = model.verdict()
    assert verdict.identical
    assert verdict.plan == ("whole" if estimator in WHOLE else "features")
    same_without_plan(model)


@pytest.mark.parametrize(
    "how",
    [
        {"scale": "min-max"},
        {"scale": "robust"},
        {"scale": "none"},
        {"impute": "mean"},
        {"impute": "most-frequent"},
        {"encode": "ordinal"},
        {"min_frequency": 100},
        {"columns": {"year": ColumnPreprocessing(impute="constant", fill_value=0)}},
        {"select": 3},
    ],
    ids=str,
)
def test_every_preprocessing_of_numbers_and_categories_has_a_plan(
    tmp_path: Path, how: dict[str, Any]
):
    *_, model = opened(tmp_path, "logistic-regression", preprocessing=Preprocessing(**how))
    assert model.plan is not None, model.unplanned
    same_without_plan(model)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"clip": 0.01}, "QuantileClipper"),
        ({"log": True}, "SignedLog"),
        ({"encode": "target"}, "TargetEncoder"),
        ({"indicator": True}, "gaps"),
        ({"columns": {"island": ColumnPreprocessing(encode="tf-idf")}}, "text"),
    ],
    ids=str,
)
def test_what_has_no_plan_is_said_and_answered_by_scikit_learn(
    tmp_path: Path, how: dict[str, Any], why: str
):
    *_, model = opened(tmp_path, "logistic-regression", preprocessing=Preprocessing(**how))
    assert model.plan is None
    assert why in model.unplanned
    with pytest.raises(NoPlan, match=why):
        compiled(model.stored.pipeline)
    assert len(model.answer(rows()).rows) == len(rows())


def test_an_unknown_category_is_answered_by_scikit_learn(tmp_path: Path):
    *_, model = opened(tmp_path, "random-forest")
    odd = rows()[0] | {"island": "Mars"}
    plan = model.plan
    assert plan.features({name: [odd[name]] for name in model.columns}) is None
    (warning,) = model.answer([odd]).warnings
    assert warning.kind == "unseen"


def test_the_held_out_rows_count_in_the_environment_in_which_they_were_compared(tmp_path: Path):
    store, artifact, model = opened(tmp_path, "decision-tree")
    folder = store.fetch_folder(artifact, tmp_path / "again")
    plan, used = folder / "plan.json", folder / "environment.json"
    said = json.loads(plan.read_bytes())["comparison"]
    held_out = json.loads((folder / "training.json").read_bytes())["rows_test"]
    assert (said["rows"], said["features"], said["answers"]) == (2 * held_out, True, True)
    assert said["unseen"] >= 2  # one of each column of texts
    assert (model.verdict().plan, model.verdict().held_out) == ("whole", 2 * held_out)
    assert model.verdict().unseen > said["unseen"]

    plan.chmod(0o600)
    plan.write_text(json.dumps({"comparison": said | {"answers": False}}))
    model.plan_for(folder)
    assert (model.verdict().plan, model.verdict().held_out) == ("features", 2 * held_out)
    used.chmod(0o600)
    used.write_text(json.dumps(json.loads(used.read_bytes()) | {"processor": "another"}))
    model.plan_for(folder)
    assert (model.verdict().plan, model.verdict().held_out) == ("whole", 0)
    plan.unlink()  # an older artifact
    model.plan_for(folder)
    assert (model.verdict().plan, model.verdict().held_out) == ("whole", 0)


def test_a_plan_that_answers_an_unseen_category_is_not_used(tmp_path: Path):
    *_, model = opened(tmp_path, "decision-tree")
    assert model.plan is not None
    (categories,) = (part for part in model.plan.parts if hasattr(part, "vectors"))
    frame = model.features(rows()[:9])
    assert compared(model.plan, model.stored.pipeline, frame).features
    categories.vectors[0][STRANGE] = next(iter(categories.vectors[0].values()))
    assert not compared(model.plan, model.stored.pipeline, frame).features


def test_a_plan_that_gives_other_numbers_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store, artifact, model = opened(tmp_path, "logistic-regression")
    scaler = model.stored.pipeline[0].transformers_[0][1][-1]
    kept = scaler.transform
    monkeypatch.setattr(scaler, "transform", lambda values: np.nextafter(kept(values), 9))
    model.plan = None
    model.plan_for(store.fetch_folder(artifact, tmp_path / "again"))
    assert (model.plan, model.unplanned) == (None, "it would give other numbers")
    assert "prediction" in predicted_columns(
        model.stored, pd.DataFrame(rows()[:2])[[*model.columns]]
    )

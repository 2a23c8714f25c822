"""Each kind of preprocessing: what it computes, that it repeats, and how its features are named."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import RobustScaler, TargetEncoder

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.models import skops_file
from autolearn.ml.models.trusted_types import TRUSTED
from autolearn.ml.training.preprocess import preprocessor
from autolearn.ml.training.train import train
from autolearn.schemas.results import TrainingResult
from autolearn.schemas.training.preprocess import (
    DATE_PARTS,
    ColumnPreprocessing,
    Preprocessing,
    in_words,
    misfits,
)
from autolearn.schemas.values import Split
from tests.support.run_samples import evaluation, nothing, put, training

TYPES = {"age": "integer", "eur": "number", "plan": "string", "ok": "boolean", "at": "timestamp"}


def table(seed: int, rows: int = 240) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    hours = pd.to_timedelta(random.integers(0, 700 * 24, rows), unit="h")
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, rows).astype(object),
            "eur": random.lognormal(3, 1.5, rows).round(2),
            "plan": random.choice(["basic", "pro", "max", "odd"], rows, p=[0.5, 0.3, 0.18, 0.02]),
            "ok": random.choice(["true", "false"], rows),
            "at": (pd.Timestamp("2023-01-01") + hours).strftime("%Y-%m-%dT%H:%M"),
        }
    )
    strong = frame.eur * np.where(frame.plan == "pro", 2, 1) + random.normal(0, 9, rows)
    frame["y"] = np.select([strong > 50, strong > 15], ["high", "middle"], "low")
    frame["z"] = strong.round(3)
    for name in ("age", "plan", "ok", "at"):
        frame.loc[random.choice(rows, 15, replace=False), name] = None
    return frame


FRAME = table(1)
CONTENT = FRAME.to_csv(index=False).encode()
OTHER = table(2, 60).assign(plan=lambda f: f.plan.replace("max", "new")).to_csv(index=False)


def one(**given: Any) -> Preprocessing:
    """What is said about some columns only."""
    return Preprocessing(columns={n: ColumnPreprocessing(**how) for n, how in given.items()})


HOW = {
    "constant": Preprocessing("constant", fill_value=-1.0),
    "constant text": Preprocessing(fill_text="none"),
    "indicator": Preprocessing(indicator=True),
    "robust": Preprocessing(scale="robust"),
    "clip": Preprocessing(clip=0.05),
    "log": Preprocessing(log=True),
    "target": Preprocessing(encode="target"),
    "rare": Preprocessing(min_frequency=10),
    "rare of ordinal": Preprocessing(encode="ordinal", min_frequency=0.05),
    "dates": Preprocessing(dates=DATE_PARTS),
    "imputed column": one(age={"impute": "constant", "fill_value": 0.0}),
    "marked column": one(plan={"indicator": True}),
    "clipped column": one(eur={"clip": 0.1, "log": True, "scale": "none"}),
    "encoded column": one(plan={"encode": "target"}, ok={"encode": "ordinal"}),
    "boolean column": one(ok={"impute": "constant", "fill_value": True}),
    "date column": one(at={"dates": ("quarter", "day-of-year", "minute", "time")}),
}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def trained(store: ArtifactStore, how: Preprocessing, **more: Any) -> TrainingResult:
    model = more.pop("model", "logistic-regression")
    left_out = {"z": "dropped"} if more.setdefault("target", "y") == "y" else {"y": "dropped"}
    asked = {"dataset": put(store, CONTENT), "left_out": left_out, "preprocessing": how, **more}
    return train(training(store, model, **asked), store, nothing)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The model without any of them."""
    store = ArtifactStore(tmp_path_factory.mktemp("usual").as_uri())
    return trained(store, Preprocessing()).artifact.files["model.skops"]


def files_of(store: ArtifactStore, result: TrainingResult) -> Path:
    return store.fetch_folder(result.artifact.digest, Path())


@pytest.mark.parametrize("name", HOW)
def test_each_repeats_to_the_byte_and_fits_other_data(tmp_path: Path, usual: str, name: str):
    stores = [ArtifactStore((tmp_path / word).as_uri()) for word in "ab"]
    first, again = (trained(store, HOW[name]) for store in stores)
    assert first.artifact == again.artifact
    assert first.artifact.files["model.skops"] != usual
    folder = files_of(stores[0], first)
    pipeline = skops_file.load(folder / "model.skops", TRUSTED)
    names = first.parameters["features"]
    assert names == list(pipeline[:-1].get_feature_names_out())
    assert len(names) == len(first.parameters["coefficients"][0])
    other = put(stores[0], OTHER.encode())
    asked = evaluation(first.artifact.digest, ("accuracy", "roc-auc"), other, held_out=False)
    assert evaluate(asked, stores[0], nothing).results["accuracy"] > 0.4
    crossed = trained(stores[1], HOW[name], split=Split(folds=3), fold_metrics=("accuracy",))
    assert len(crossed.cross_validation["accuracy"].values) == 3
    assert crossed.artifact.files["model.skops"] == first.artifact.files["model.skops"]


def test_the_record_has_what_differs_only(store: ArtifactStore):
    record = json.loads(
        (files_of(store, trained(store, Preprocessing())) / "training.json").read_bytes()
    )
    usual = {"impute": "median", "scale": "standard", "encode": "one-hot"}
    assert record["preprocessing"] == usual
    how = one(age={"clip": 0.1})
    record = json.loads((files_of(store, trained(store, how)) / "training.json").read_bytes())
    assert record["preprocessing"] == {**usual, "columns": {"age": {"clip": 0.1}}}


def transformed(how: Preprocessing, types: dict[str, str], task: str = "classification") -> Any:
    """Return the features of the whole table after preprocessing, and their names."""
    columns: dict[str, Any] = {}
    for name, kind in types.items():
        values = FRAME[name]
        if kind == "timestamp":
            columns[name] = (pd.to_datetime(values) - pd.Timestamp(0)).dt.total_seconds()
        elif kind in ("integer", "number"):
            columns[name] = values.astype(float)
        else:
            columns[name] = values.where(values.notna(), np.nan).astype(object)
    steps = preprocessor(types, how, task, 5)
    answers = FRAME.z if task == "regression" else FRAME.y.to_numpy(str)
    return steps.fit_transform(pd.DataFrame(columns), answers), list(steps.get_feature_names_out())


def test_numbers_are_clipped_then_filled_then_put_on_a_log_scale_then_scaled():
    how = Preprocessing("constant", "robust", fill_value=-3.0, clip=0.1, log=True)
    found, names = transformed(how, {"age": "integer"})
    assert names == ["age"]
    age = FRAME.age.astype(float)
    clipped = age.clip(*age.quantile([0.1, 0.9])).fillna(-3.0)
    logarithm = np.sign(clipped) * np.log1p(clipped.abs())
    scaled = RobustScaler().fit_transform(logarithm.to_frame())
    np.testing.assert_allclose(found, scaled, rtol=1e-12)


def test_times_become_parts_that_are_filled_and_scaled():
    how = Preprocessing(scale="none", dates=("year", "weekday", "hour"))
    found, names = transformed(how, {"at": "timestamp"})
    assert names == ["at_year", "at_weekday", "at_hour"]
    at = pd.to_datetime(FRAME["at"]).dt
    expected = pd.DataFrame({"a": at.year, "b": at.day_of_week, "c": at.hour})
    np.testing.assert_array_equal(found, expected.fillna(expected.median()))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_categories_are_encoded_by_the_target_without_their_own_row(task: str):
    found, names = transformed(Preprocessing(encode="target"), {"plan": "string"}, task)
    plan = FRAME[["plan"]].fillna(FRAME.plan.mode()[0])
    if task == "regression":
        cv, answers = KFold(5, shuffle=True, random_state=5), FRAME.z
        assert names == ["plan"]
    else:
        cv, answers = StratifiedKFold(5, shuffle=True, random_state=5), FRAME.y
        assert names == ["plan_high", "plan_low", "plan_middle"]
    kind = "continuous" if task == "regression" else "multiclass"
    encoder = TargetEncoder(target_type=kind, cv=cv)
    np.testing.assert_array_equal(found, encoder.fit_transform(plan, answers))


def test_rare_categories_are_joined_and_unknown_ones_are_rare():
    found, names = transformed(Preprocessing(min_frequency=0.1, fill_text="?"), {"plan": "string"})
    assert names == ["plan_basic", "plan_max", "plan_pro", "plan_infrequent_sklearn"]
    rare = FRAME.plan.isna() | (FRAME.plan == "odd")
    np.testing.assert_array_equal(found[:, 3], rare)
    steps = preprocessor({"plan": "string"}, Preprocessing(min_frequency=0.1))
    steps.fit(FRAME[["plan"]].astype(object).where(FRAME[["plan"]].notna(), np.nan))
    new = pd.DataFrame({"plan": pd.Series(["never"], dtype=object)})
    assert steps.transform(new).tolist() == [[0.0, 0.0, 0.0, 1.0]]


def test_indicators_say_where_values_were_missing():
    found, names = transformed(Preprocessing(indicator=True), TYPES)
    last = ["age", "plan", "ok", "at"]  # eur has no gaps
    assert names[-4:] == [f"missingindicator_{name}" for name in last]
    np.testing.assert_array_equal(found[:, -4:], FRAME[last].isna())


def test_a_column_has_what_all_have_but_what_is_said_of_it():
    how = Preprocessing(
        scale="min-max",
        clip=0.05,
        log=True,
        columns={
            "age": ColumnPreprocessing(log=False, scale="none"),
            "eur": ColumnPreprocessing(clip=0.0),
        },
    )
    assert how.of("age", "integer") == ColumnPreprocessing(impute="median", clip=0.05, scale="none")
    assert how.of("eur", "number") == ColumnPreprocessing(
        impute="median", log=True, scale="min-max"
    )
    assert how.of("at", "timestamp") == ColumnPreprocessing(impute="median", scale="min-max")
    assert how.of("ok", "boolean") == ColumnPreprocessing(impute="most-frequent", encode="one-hot")


@pytest.mark.parametrize(
    ("how", "place", "words"),
    [
        (Preprocessing("constant"), "fill_value", "given together"),
        (Preprocessing(fill_value=1.0), "fill_value", "given together"),
        (one(plan={"scale": "none"}), "columns/plan/scale", "plan has text, and scale is for"),
        (one(ok={"clip": 0.1}), "columns/ok/clip", "ok has true or false, and clip is for numb"),
        (one(age={"encode": "ordinal"}), "columns/age/encode", "--type age=text makes it text"),
        (one(age={"dates": ("year",)}), "columns/age/dates", "dates is for times"),
        (one(plan={"impute": "mean"}), "columns/plan/impute", "which have no mean"),
        (one(age={"impute": "constant"}), "columns/age/fill_value", "given together"),
        (
            one(age={"impute": "constant", "fill_value": "x"}),
            "columns/age/fill_value",
            "age has integers, and 'x' is none of them",
        ),
        (
            one(at={"impute": "constant", "fill_value": 0.0}),
            "columns/at/fill_value",
            "at has times, and fill_value is for",
        ),
        (one(what={"clip": 0.1}), "columns/what", "what is no feature"),
    ],
)
def test_what_does_not_fit_is_said(
    store: ArtifactStore, how: Preprocessing, place: str, words: str
):
    found = {"/".join(at): why for at, why in misfits(how, TYPES, "classification")}
    assert words in found[place]
    with pytest.raises(InputError, match=re.escape(next(iter(found.values())))):
        trained(store, how)


def test_what_fits_no_feature_is_said():
    numbers = {"age": "integer"}
    for how in (Preprocessing(dates=("year",)), Preprocessing(min_frequency=3)):
        assert [why for _, why in misfits(how, numbers, "regression")]
    assert list(misfits(Preprocessing(encode="target"), TYPES, "clustering")) == [
        (("encode",), "there is no target to encode by in clustering")
    ]
    assert not list(misfits(Preprocessing(clip=0.1, log=True), TYPES, "regression"))


def test_no_name_has_a_value_of_a_sensitive_column(store: ArtifactStore):
    how = Preprocessing(fill_text="gap", columns={"ok": ColumnPreprocessing(encode="target")})
    result = trained(store, how, sensitive=("plan", "y"))
    names = result.parameters["features"]
    assert {"plan_1", "plan_2", "ok_1", "ok_2", "ok_3"} <= {*names}
    texts = [path.read_text() for path in files_of(store, result).glob("*.json")]
    texts.append(json.dumps(result.parameters))
    assert not [text for text in texts if "basic" in text or "middle" in text]


def test_a_preprocessing_in_words():
    usual = ["gaps: median", "scale: standard", "categories: one-hot"]
    assert in_words(Preprocessing()) == usual
    assert in_words(Preprocessing(), changed=True) == []
    how = Preprocessing(
        "constant",
        fill_value=0.0,
        clip=0.01,
        min_frequency=0.05,
        dates=("year", "hour"),
        columns={
            "plan": ColumnPreprocessing(impute="constant", fill_value="?", min_frequency=9),
            "age": ColumnPreprocessing(log=False, clip=0.0, indicator=True),
        },
    )
    assert in_words(how, changed=True) == [
        "gaps: 0",
        "clip: at 1 % and 99 %",
        "rare: below 5 %",
        "dates: year hour",
        "plan: gaps '?', rare below 9 rows",
        "age: indicator yes, clip no, log no",
    ]

"""Each kind of preprocessing: what it computes, that it repeats, and how its features are named."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import RobustScaler, TargetEncoder

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.datasets.split import folds_of, part
from autolearn.ml.datasets.subject import unrepeated
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.models import skops_file
from autolearn.ml.models.trusted_types import TRUSTED
from autolearn.ml.training.fit import TrainingRows
from autolearn.ml.training.preprocess import check_words, preprocessor, selector
from autolearn.ml.training.row_operations import rows_to_fit
from autolearn.ml.training.train import train
from autolearn.ml.transformers import TextVectorizer
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
    words = np.array(["price", "asked", "support", "late", "invoice", "call"])
    frame["notes"] = [" ".join(random.choice(words, 3)) for _ in range(rows)]
    frame["y"] = np.select([strong > 50, strong > 15], ["high", "middle"], "low")
    frame["z"] = strong.round(3)
    for name in ("age", "plan", "ok", "at", "notes"):
        frame.loc[random.choice(rows, 15, replace=False), name] = None
    return frame


FRAME = pd.concat([table(1, 230), table(1, 230).head(10)], ignore_index=True)
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
    "words": one(notes={"encode": "tf-idf", "max_features": 4}),
    "words of all": Preprocessing(encode="tf-idf", min_frequency=5),
    "select": Preprocessing(select=4),
    "a fraction": Preprocessing(
        select=0.5, columns={"notes": ColumnPreprocessing(encode="tf-idf")}
    ),
    "duplicates": Preprocessing(drop_duplicates=True),
    "weights": Preprocessing(balance="weights"),
    "oversample": Preprocessing(balance="oversample"),
    "undersample": Preprocessing(balance="undersample", drop_duplicates=True),
    "date column": one(at={"dates": ("quarter", "day-of-year", "minute", "time")}),
}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def trained(store: ArtifactStore, how: Preprocessing, **more: Any) -> TrainingResult:
    model = more.pop("model", "logistic-regression")
    left_out = {"z": "dropped"} if more.setdefault("target", "y") == "y" else {"y": "dropped"}
    if how.encode != "tf-idf" and "notes" not in (how.columns or {}):
        left_out["notes"] = "dropped"
    asked = {"dataset": put(store, CONTENT), "left_out": left_out, "preprocessing": how, **more}
    return train(training(store, model, **asked), store, nothing)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The model without any of them."""
    store = ArtifactStore(tmp_path_factory.mktemp("usual").as_uri())
    return trained(store, Preprocessing()).artifact.files["model.skops"]


def files_of(store: ArtifactStore, result: TrainingResult) -> Path:
    return store.fetch_folder(result.artifact.digest, Path())


def record_of(store: ArtifactStore, result: TrainingResult) -> dict[str, Any]:
    return json.loads((files_of(store, result) / "training.json").read_bytes())


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
    record = record_of(store, trained(store, Preprocessing()))
    usual = {"impute": "median", "scale": "standard", "encode": "one-hot"}
    assert record["preprocessing"] == usual
    how = one(age={"clip": 0.1})
    record = record_of(store, trained(store, how))
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
        (one(ok={"encode": "tf-idf"}), "columns/ok/encode", "tf-idf is for text"),
        (
            one(plan={"encode": "tf-idf", "impute": "most-frequent"}),
            "columns/plan/impute",
            "an empty one for tf-idf",
        ),
        (one(plan={"max_features": 9}), "columns/plan/max_features", "for tf-idf, and plan is"),
        (Preprocessing(max_features=9), "max_features", "max_features is for tf-idf"),
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
    how = Preprocessing(balance="weights", select=3)
    assert [place for place, _ in misfits(how, TYPES, "clustering")] == [("select",), ("balance",)]
    assert [place for place, _ in misfits(how, TYPES, "regression")] == [("balance",)]
    assert list(misfits(Preprocessing(encode="tf-idf"), numbers, "regression"))
    assert not list(misfits(Preprocessing(clip=0.1, log=True), TYPES, "regression"))


def test_words_are_weighed_as_by_scikit_learn():
    how = one(notes={"encode": "tf-idf"})
    found, names = transformed(how, {"notes": "string"})
    vectorizer = TfidfVectorizer()
    expected = vectorizer.fit_transform(FRAME.notes.fillna("")).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert names == [f"notes_{word}" for word in vectorizer.get_feature_names_out()]
    assert names[:2] == ["notes_asked", "notes_call"]


def test_the_most_frequent_words_are_kept_and_the_first_of_equals():
    texts = pd.DataFrame({"t": ["dog cat ant", "dog bee", "dog bee cat", None]}, dtype=object)
    assert TextVectorizer(3).fit(texts).words_ == ["bee", "cat", "dog"]
    assert TextVectorizer(2).fit(texts).words_ == ["bee", "dog"]
    assert TextVectorizer(min_df=2).fit(texts).words_ == ["bee", "cat", "dog"]
    assert TextVectorizer(2).fit(texts).transform([["emu"], ["dog"]]).toarray().tolist() == [
        [0.0, 0.0],
        [0.0, 1.0],
    ]


def test_more_words_than_the_memory_takes_are_refused_before(store: ArtifactStore):
    features = pd.DataFrame({"t": [" ".join(f"w{n}x{k}" for k in range(40)) for n in range(600)]})
    how = one(t={"encode": "tf-idf", "max_features": 50_000})
    check_words(features, {"t": "string"}, how, 4096)
    with pytest.raises(InputError, match=r"24,000 words .* need 220 MiB, .* use 200") as no:
        check_words(features, {"t": "string"}, how, 200)
    assert "--encode t=tf-idf:10,922" in no.value.advice
    check_words(features.head(9), {"t": "string"}, how, 200)
    with pytest.raises(InputError, match="plan has no word in 5000 rows of these 180"):
        trained(store, one(plan={"encode": "tf-idf", "min_frequency": 5_000}))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_best_features_are_those_of_scikit_learn(task: str):
    types = {name: kind for name, kind in TYPES.items() if kind != "boolean"}
    found, names = transformed(Preprocessing(indicator=True), types)
    answers = FRAME.z if task == "regression" else FRAME.y.to_numpy(str)
    score = f_regression if task == "regression" else f_classif
    chosen = SelectKBest(score, k=4).fit(found, answers)
    selection = selector(Preprocessing(select=4), task).fit(found, answers)
    np.testing.assert_array_equal(selection.get_support(), chosen.get_support())
    np.testing.assert_allclose(selection.scores_, chosen.scores_, rtol=1e-10)
    half = selector(Preprocessing(select=0.5), task).fit(found, answers)
    assert half.get_support().sum() == round(len(names) / 2)


def test_constant_features_come_last_and_variance_decides_without_a_target():
    values = np.array([[1.0, 5.0, 0.0], [1.0, 6.0, 9.0], [1.0, 5.0, 0.0], [1.0, 6.0, 9.0]])
    both = selector(Preprocessing(select=2), "classification").fit(values, list("abab"))
    assert both.get_support().tolist() == [False, True, True]
    one_only = selector(Preprocessing(select=1), "clustering").fit(values)
    assert one_only.get_support().tolist() == [False, False, True]
    everything = selector(Preprocessing(select=99), "clustering").fit(values)
    assert everything.get_support().all()


def test_selected_features_have_their_names(store: ArtifactStore):
    how = Preprocessing(select=3, columns={"notes": ColumnPreprocessing(encode="tf-idf")})
    result = trained(store, how, model="random-forest", hyperparameters={"n_estimators": 5})
    assert len(result.parameters["features"]) == 3
    assert result.parameters["features_before_selection"] == 15
    assert "eur" in result.parameters["features"]
    assert {name for name, _ in result.parameters["importances"]} == {
        *result.parameters["features"]
    }
    clusters = trained(
        store, Preprocessing(scale="min-max", select=2), model="k-means", target=None
    )
    assert len(clusters.parameters["features"]) == 2


def test_repeated_training_rows_are_dropped_and_counted(store: ArtifactStore):
    usual, dropped = (trained(store, how) for how in (Preprocessing(), HOW["duplicates"]))
    count = dropped.parameters["duplicate_rows"]
    assert 0 < count < 10
    assert (usual.rows_train, usual.rows_test) == (dropped.rows_train, dropped.rows_test)
    held_out = [
        json.loads((files_of(store, one) / "training.json").read_bytes())
        for one in (usual, dropped)
    ]
    assert held_out[0]["held_out_sha256"] == held_out[1]["held_out_sha256"]
    twice = pd.DataFrame({"a": [1.0, 1.0, np.nan, np.nan, 1.0], "b": ["x", "x", None, None, "x"]})
    assert unrepeated(twice, None).tolist() == [0, 2]
    assert unrepeated(twice, np.array(list("nynnn"))).tolist() == [0, 1, 2]


def test_a_clusterer_that_predicts_nothing_is_measured_on_the_rows_it_kept(store: ArtifactStore):
    how = Preprocessing(scale="min-max", drop_duplicates=True)
    result = trained(store, how, model="dbscan", target=None, hyperparameters={"eps": 1.0})
    assert result.parameters["duplicate_rows"] > 0
    asked = evaluation(result.artifact.digest, ("silhouette",), put(store, CONTENT))
    found = evaluate(asked, store, nothing)
    assert found.rows == result.rows_train - result.parameters["duplicate_rows"]
    assert "silhouette" in found.results


def test_balanced_weights_are_those_of_scikit_learn(store: ArtifactStore):
    ours = trained(store, HOW["weights"]).parameters
    theirs = trained(
        store, Preprocessing(), hyperparameters={"class_weight": "balanced"}
    ).parameters
    np.testing.assert_allclose(ours["coefficients"], theirs["coefficients"], rtol=1e-6)
    assert len(ours["class_weights"]) == 3
    with pytest.raises(InputError, match="k-nearest-neighbours takes no weights") as refused:
        trained(store, HOW["weights"], model="k-nearest-neighbours")
    assert "oversample" in refused.value.advice


def rows_of(labels: list[str], weights: np.ndarray | None = None) -> TrainingRows:
    return TrainingRows(pd.DataFrame({"n": np.arange(len(labels))}), np.array(labels), weights)


def test_classes_get_equally_many_rows():
    rows = rows_of(["a"] * 5 + ["b"] * 2 + ["c"])
    more, counts = rows_to_fit(rows, HOW["oversample"], "classification", 1)
    assert counts == {"class_rows": [5, 5, 5]}
    assert {*more.features.n} == {*range(8)}
    assert more.features.n.is_monotonic_increasing
    assert [(more.answers == one).sum() for one in "abc"] == [5, 5, 5]
    seeds = (rows_to_fit(rows, HOW["oversample"], "classification", n)[0] for n in range(9))
    assert len({tuple(one.features.n) for one in seeds}) > 1
    fewer, counts = rows_to_fit(rows, Preprocessing(balance="undersample"), "classification", 1)
    assert (counts, len(fewer.features)) == ({"class_rows": [1, 1, 1]}, 3)
    assert fewer.answers.tolist() == ["a", "b", "c"]
    weighed, counts = rows_to_fit(
        rows_of(list("aab"), np.array([1.0, 3.0, 5.0])), HOW["weights"], "classification", 0
    )
    assert counts == {"class_weights": [0.75, 1.5]}
    assert weighed.weights.tolist() == [0.75, 2.25, 7.5]
    many = rows_of([f"c{n}" for n in range(40)] + ["c0"] * 40)
    with pytest.raises(InputError, match="oversampling would make 1,640 rows of 80"):
        rows_to_fit(many, HOW["oversample"], "classification", 1)


def test_rows_are_balanced_in_the_fitted_part_of_a_fold_only(store: ArtifactStore):
    split = Split(folds=3)
    asked = {"split": split, "fold_metrics": ("accuracy",), "features": ("eur", "age")}
    found = trained(store, HOW["oversample"], **asked).cross_validation["accuracy"]
    rows = part(np.arange(240), FRAME.y.to_numpy(str), split, 7).train
    frame = FRAME[["age", "eur"]].astype(float).iloc[rows]
    whole = TrainingRows(frame, FRAME.y.to_numpy(str)[rows], None)
    expected = []
    for fitted, scored in folds_of(whole.answers, split, 7, None, len(rows)):
        some, _ = rows_to_fit(whole.take(fitted), HOW["oversample"], "classification", 7)
        steps = preprocessor({"age": "integer", "eur": "number"}, Preprocessing())
        model = LogisticRegression(random_state=7)
        model.fit(steps.fit_transform(some.features), some.answers)
        said = model.predict(steps.transform(whole.take(scored).features))
        expected.append((said == whole.answers[scored]).mean())
    assert found.values == pytest.approx(expected, abs=1e-12)


def test_no_name_has_a_value_of_a_sensitive_column(store: ArtifactStore):
    own = {"ok": {"encode": "target"}, "notes": {"encode": "tf-idf"}}
    result = trained(store, one(**own), sensitive=("plan", "y", "notes"))
    names = result.parameters["features"]
    assert {"plan_1", "plan_2", "ok_1", "ok_2", "ok_3", "notes_1", "notes_6"} <= {*names}
    texts = [path.read_text() for path in files_of(store, result).glob("*.json")]
    texts.append(json.dumps(result.parameters))
    assert not [text for text in texts if re.search("basic|middle|invoice", text)]


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
        select=0.2,
        drop_duplicates=True,
        balance="undersample",
        columns={
            "notes": ColumnPreprocessing(encode="tf-idf", max_features=2_000),
            "plan": ColumnPreprocessing(impute="constant", fill_value="?", min_frequency=9),
            "age": ColumnPreprocessing(log=False, clip=0.0, indicator=True),
        },
    )
    assert in_words(how, changed=True) == [
        "gaps: 0",
        "clip: at 1 % and 99 %",
        "rare: below 5 %",
        "dates: year hour",
        "features: the best 20 %",
        "duplicates: dropped",
        "classes: balanced by fewer rows",
        "notes: categories tf-idf, words at most 2,000",
        "plan: gaps '?', rare below 9 rows",
        "age: indicator yes, clip no, log no",
    ]

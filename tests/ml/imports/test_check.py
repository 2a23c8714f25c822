"""A model that was made elsewhere is taken if it answers its examples, and is refused otherwise."""

import asyncio
import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.evaluation.stored_artifact import open_folder
from autolearn.ml.imports.check import import_model
from autolearn.ml.imports.process import ImportJob, ImportRefused, import_apart
from autolearn.ml.prediction.online import OnlineModel
from autolearn.ml.prediction.row_checks import RowsRefused
from autolearn.schemas.errors import AutoLearnError
from tests.ml.imports.samples import SCHEMA, forest, pipeline, rows, zipped


def taken(tmp_path: Path, sent: bytes) -> Path:
    into = Path(tempfile.mkdtemp(dir=tmp_path))
    (tmp_path / "sent.zip").write_bytes(sent)
    import_model(tmp_path / "sent.zip", into)
    return into


def records(many: int = 60) -> list[dict[str, Any]]:
    found = rows(many).astype(object).to_dict("records")
    return [{name: None if v != v else v for name, v in row.items()} for row in found]


def test_it_answers_like_the_pipeline_that_was_sent(tmp_path: Path):
    """The bits are the same, whatever the order of the columns in the schema."""
    made = forest()
    store = ArtifactStore((tmp_path / "store").as_uri())
    artifact = store.put_folder(taken(tmp_path, zipped(made)))
    model = OnlineModel.open(store, artifact.digest, tmp_path / "scratch")
    said = model.answer(records())
    assert said.columns["prediction"].tolist() == made.predict(rows()).tolist()
    shares = [said.columns[f"probability_{label}"] for label in ("leaves", "stays")]
    assert np.array_equal(np.array(shares).T, made.predict_proba(rows()))
    assert (model.verdict().plan, model.verdict().reason) == ("none", "it was imported")
    assert {one.kind for one in model.answer([records(8)[1] | {"income": -1.0}]).warnings} == {
        "outside"
    }
    with pytest.raises(RowsRefused, match=r"row 2: the model fails on it .*'gold'.*"):
        model.answer([*records(2), records(2)[1] | {"plan": "gold"}, *records(4)])


def without(name: str) -> dict[str, Any]:
    kept = [one for one in SCHEMA["columns"] if one["name"] != name]
    return SCHEMA | {"columns": kept}


def of_task(task: str, **more: Any) -> dict[str, Any]:
    return SCHEMA | {"target": {"name": "churn", "task": task, **more}}


@pytest.mark.parametrize(
    ("schema", "examples", "words"),
    [
        (of_task("regression"), None, "does not do regression"),
        (of_task("classification", classes=["a", "b"]), None, "has the classes a, b, and the mod"),
        (of_task("juggling"), None, "has the task 'juggling'. The tasks are classification"),
        (SCHEMA | {"target": None}, None, "has the task ''"),
        (without("plan"), None, "does not answer examples.csv (ValueError: columns are missing"),
        (SCHEMA | {"columns": []}, None, "has 0 columns"),
        (SCHEMA | {"columns": [{"name": "churn", "type": "number"}]}, None, "a column twice"),
        (SCHEMA | {"columns": [{"name": "x", "type": "int"}]}, None, "x has the type 'int'"),
        ([], None, "schema.json is no schema"),
        (SCHEMA, "age,income,plan\n", "examples.csv has 0 rows"),
        (SCHEMA, "age,plan\n1,basic\n", "row 0: income: the column is missing"),
        (SCHEMA, "age,income,plan\n1,x,basic\n", 'row 0: income: a number is wanted; got "x"'),
        (SCHEMA, "age,income,plan\n1,2,gold\n", "Found unknown categories"),
        (SCHEMA, 'age,income,plan\n1,2,"gold\n', "examples.csv is not CSV"),
    ],
)
def test_what_does_not_fit_is_said(
    tmp_path: Path, schema: object, examples: str | None, words: str
):
    with pytest.raises(AutoLearnError) as refused:
        taken(tmp_path, zipped(forest(), schema, examples))
    assert words in f"{refused.value.detail}. {refused.value.advice}"


def test_a_type_that_is_not_trusted_is_named_by_the_process_that_checks(tmp_path: Path):
    foreign = copy.deepcopy(forest())
    foreign.steps.insert(1, ("f", FunctionTransformer(np.abs)))
    (tmp_path / "sent.zip").write_bytes(zipped(foreign))
    (tmp_path / "into").mkdir()
    job = ImportJob(str(tmp_path / "sent.zip"), str(tmp_path / "into"))
    with pytest.raises(ImportRefused, match=r"numpy\.absolute") as refused:
        asyncio.run(import_apart(job))
    assert "SVC and nearest neighbours" in refused.value.advice


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"no zip file", "not a zip file"),
        (zipped(b"no skops"), r"model\.skops is not a skops file"),
        (zipped(b"", name="other"), r"model\.skops is missing in the zip file: it has other"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, sent: bytes, words: str):
    with pytest.raises(AutoLearnError, match=words):
        taken(tmp_path, sent)


def crooked(made: Any, **nodes: int) -> Any:
    """A tree whose first node is changed, in a way that its file may hold."""
    tree = made[-1].tree_
    state = copy.deepcopy(tree.__getstate__())
    for name, value in nodes.items():
        state["nodes"][name][0] = value
    tree.__setstate__(state)
    return made


@pytest.mark.parametrize(
    "nodes", [{"feature": 99}, {"left_child": 10**6}, {"right_child": 0}, {"left_child": -7}]
)
def test_a_tree_that_points_out_of_itself_is_never_asked(tmp_path: Path, nodes: dict[str, int]):
    made = crooked(pipeline(DecisionTreeClassifier()), **nodes)
    with pytest.raises(AutoLearnError, match="tree in the file is damaged"):
        taken(tmp_path, zipped(made))


def test_other_compiled_parts_are_checked_as_well(tmp_path: Path):
    boosted = pipeline(HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5))
    boosted[-1]._predictors[0][0].nodes["left"][0] = 10**6
    with pytest.raises(AutoLearnError, match="tree in the file is damaged"):
        taken(tmp_path, zipped(boosted))
    centers = KMeans(2, n_init=1).fit(rows()[["income"]])
    centers.cluster_centers_ = centers.cluster_centers_[:, :0]
    schema = {"columns": SCHEMA["columns"][:1], "target": None, "task": "clustering"}
    with pytest.raises(AutoLearnError, match="KMeans in the file is damaged"):
        taken(tmp_path, zipped(centers, schema))


def test_a_model_without_steps_is_one_too(tmp_path: Path):
    data = rows()[["income"]]
    made = LogisticRegression().fit(data, data["income"] > 40_000)
    schema = {"columns": SCHEMA["columns"][:1], "target": SCHEMA["target"]}
    into = taken(tmp_path, zipped(skops.io.dumps(made), schema))
    assert '"True"' in (into / "schema.json").read_text()


def onnx_of(made: Any, **options: Any) -> bytes:
    """A file of ONNX that takes an array of income and age."""
    converted = to_onnx(made, np.zeros((1, 2), np.float32), options={id(made): options})
    return bytes(converted.SerializeToString())


NUMBERS = SCHEMA | {"columns": SCHEMA["columns"][:2]}
CLASSES = NUMBERS | {"target": {**SCHEMA["target"], "classes": ["leaves", "stays"]}}


@pytest.mark.parametrize(
    ("options", "schema"), [({"zipmap": False}, CLASSES), ({}, CLASSES), ({"zipmap": "columns"}, 0)]
)
def test_a_model_of_onnx_answers_by_onnx_runtime(
    tmp_path: Path, options: dict[str, Any], schema: Any
):
    """With probabilities as an array or as mappings; other forms are refused."""
    data = rows()[["income", "age"]].fillna(40).to_numpy(np.float32)
    made = LogisticRegression().fit(data, np.where(data[:, 0] > 40_000, "stays", "leaves"))
    examples = rows(8).dropna().to_csv(index=False)
    sent = zipped(onnx_of(made, **options), schema or CLASSES, examples, name="model.onnx")
    if not schema:
        with pytest.raises(AutoLearnError, match=r"does not answer examples\.csv"):
            taken(tmp_path, sent)
        return
    store = ArtifactStore((tmp_path / "store").as_uri())
    artifact = store.put_folder(taken(tmp_path, sent))
    model = OnlineModel.open(store, artifact.digest, tmp_path / "scratch")
    asked = [one for one in records() if one["age"] is not None]
    said = model.answer(asked)
    given = np.array([[one["income"], one["age"]] for one in asked], np.float32)
    assert said.columns["prediction"].tolist() == made.predict(given).tolist()
    shares = np.array([said.columns[f"probability_{label}"] for label in ("leaves", "stays")]).T
    assert np.abs(shares - made.predict_proba(given)).max() < 1e-5
    assert said.unused == ["plan"]


def test_a_model_of_onnx_has_an_input_for_each_column_and_a_number_for_each_row(tmp_path: Path):
    """As exports of ours have; what does not fit is said."""
    data = rows().dropna()
    made = Ridge().fit(data[["income", "age"]], data["income"] / 2)
    kinds = [(name, DoubleTensorType([None, 1])) for name in ("income", "age")]
    joined = make_pipeline(ColumnTransformer([("n", "passthrough", ["income", "age"])]), Ridge())
    joined.fit(data[["income", "age"]], data["income"] / 2)
    content = to_onnx(joined, initial_types=kinds).SerializeToString()
    schema = NUMBERS | {"target": {"name": "spent", "task": "regression"}}
    examples = data.to_csv(index=False)
    into = taken(tmp_path, zipped(content, schema, examples, name="model.onnx"))
    said = OnlineModel(open_folder(into)).answer([{"income": 100.0, "age": 30.0}])
    assert said.columns["prediction"][0] == pytest.approx(50, abs=0.1)
    one = onnx_of(made)
    for sent, form, words in (
        (b"no model", schema, "ONNX Runtime refuses the model"),
        (content, SCHEMA | {"target": schema["target"]}, "the model takes income, age, and the s"),
        (one, SCHEMA | {"target": schema["target"]}, "plan has no numbers"),
        (one, CLASSES, "gives 1 probabilities a row, and there are 2 classes"),
        (one, schema | {"target": None, "task": "clustering"}, "does not do clustering here"),
    ):
        with pytest.raises(AutoLearnError, match=words):
            taken(tmp_path, zipped(sent, form, examples, name="model.onnx"))

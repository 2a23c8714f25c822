"""Datasets over HTTP: what is taken, what is refused, and that nothing is left of the refused."""

import hashlib
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.conftest import MAX_UPLOAD, System
from tests.support.api_assertions import position, problem
from tests.support.waiting import until

GOOD = (
    b"height,colour,kind\n1.5,red,a\n2,,b\n,red,a\n3,blue,b\n4,blue,a\n5,red,b\n6,red,a\n7,red,b\n"
)


def kept(system: System) -> set[Path]:
    """All files of the artifact store."""
    folder = system.folder / "home" / "artifacts"
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_csv_is_profiled_kept_and_trained_on(http: httpx.Client, session: str):
    answer = http.put("/v1/catalog/datasets/shapes?target=kind&summary=Some+shapes", content=GOOD)
    assert answer.status_code == 201, answer.text
    shown = http.get(answer.headers["location"]).json()
    assert shown == answer.json()
    assert shown["version"] == hashlib.sha256(GOOD).hexdigest()
    assert (shown["rows"], shown["task"], shown["summary"]) == (8, "classification", "Some shapes")
    assert shown["classes"] == {"a": 4, "b": 4}
    assert {c["name"]: (c["type"], c["missing"]) for c in shown["columns"]} == {
        "height": ("number", 1),
        "colour": ("string", 1),
        "kind": ("string", 0),
    }
    body = {"estimator": "decision-tree", "dataset": "shapes", "split": {"test": 0.5}}
    run = http.post(f"{session}/trainings", json=body, headers={"Prefer": "wait=60"}).json()
    assert run["status"] == "completed", run


def test_the_same_file_again_is_no_new_version_another_one_is(system: System):
    at = "/v1/catalog/datasets/versioned"
    first = system.http.put(at, content=GOOD)
    before = position(system.http)
    again = system.http.put(at, content=GOOD)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert position(system.http) == before
    second = system.other.put(at, content=GOOD + b"8,red,a\n")
    assert second.status_code == 201
    wanted = [second.json()["version"], first.json()["version"]]

    def versions() -> list[str]:
        return [item["version"] for item in system.http.get(f"{at}/versions").json()["items"]]

    until(lambda: versions() == wanted)  # the other process may know of it first
    assert system.http.get(at).json()["rows"] == 9
    for client in (system.http, system.other):
        pages = [client.get(f"{at}/versions?limit=1")]
        pages.append(client.get(pages[0].links["next"]["url"]))
        assert [page.json()["items"][0]["version"] for page in pages] == wanted
        assert pages[1].json()["next"] is None


def test_a_parquet_file_is_known_by_its_bytes(http: httpx.Client, tmp_path: Path):
    pq.write_table(pa.table({"a": [1, 2, 3], "b": ["x", "y", None]}), tmp_path / "t")
    answer = http.put("/v1/catalog/datasets/columnar", content=(tmp_path / "t").read_bytes())
    assert answer.status_code == 201, answer.text
    assert (answer.json()["format"], answer.json()["rows"]) == ("parquet", 3)


def test_a_target_of_one_s_own_choice(http: httpx.Client, session: str):
    body = {"estimator": "ridge", "dataset": "iris", "target": "petal_width"}
    run = http.post(f"{session}/trainings", json=body, headers={"Prefer": "wait=60"}).json()
    assert (run["status"], run["target"]) == ("completed", "petal_width")


BAD = [
    (b"", "", "header"),
    (b"\n1,2\n", "", "header"),
    (b"a,b\n", "", "no rows"),
    (b"a,b\n1,2\n3\n", "", "Line 3"),
    (b"a,b\n1,inf\n2,3\n", "", "Column b holds 1 infinite values"),
    (b"a,b\n1,\xff\n", "", "UTF-8"),
    (b"a,b\n1,x\n2,x\n", "?target=b", "one value only"),
    (b"a,b\n1,x\n2,y\n", "?target=c", "no column 'c'"),
    (b"a,a\n1,x\n2,y\n", "", "a"),
    (b"PAR1 but no Parquet", "", "Parquet"),
    (GOOD, "?format=parquet", "Parquet"),
]


@pytest.mark.parametrize(("content", "query", "words"), BAD)
def test_a_file_that_is_refused_leaves_nothing(
    system: System, content: bytes, query: str, words: str
):
    before, files = position(system.http), kept(system)
    answer = system.http.put(f"/v1/catalog/datasets/refused{query}", content=content)
    content_of = problem(answer, 422, "dataset-refused", words)
    assert content_of["errors"]
    assert position(system.http) == before
    assert kept(system) == files
    assert not list((system.folder / "home" / "state" / "api-0").glob("upload-*"))
    problem(system.http.get("/v1/catalog/datasets/refused"), 404, "unknown-dataset")


def test_all_faults_of_a_file_are_named(http: httpx.Client):
    answer = http.put("/v1/catalog/datasets/refused?target=zz", content=b"a,b\n1,inf\n2,3\n")
    assert len(problem(answer, 422, "dataset-refused")["errors"]) == 2


def test_a_file_over_the_limit_is_refused_on_the_way(system: System):
    files = kept(system)

    def rows():
        yield b"a\n"
        for _ in range(MAX_UPLOAD // 1000 * 4):
            yield b"1\n" * 500

    answer = system.http.put("/v1/catalog/datasets/large", content=rows())
    problem(answer, 413, "body-too-large", f"{MAX_UPLOAD:,}")
    assert kept(system) == files
    assert not list((system.folder / "home" / "state" / "api-0").glob("upload-*"))


@pytest.mark.parametrize("name", ["Upper", "-x", "a b", "x" * 101])
def test_a_malformed_name(http: httpx.Client, name: str):
    answer = http.put(f"/v1/catalog/datasets/{name}", content=GOOD)
    problem(answer, 422, "malformed-id", "lower-case letters")


def test_a_form_is_not_a_file(http: httpx.Client):
    answer = http.put("/v1/catalog/datasets/form", files={"file": ("t.csv", GOOD)})
    problem(answer, 415, "not-a-file", "--upload-file")


def test_the_catalog_is_complete(http: httpx.Client):
    models = {item["name"]: item for item in http.get("/v1/catalog/estimators").json()["items"]}
    assert {"logistic-regression", "decision-tree", "random-forest", "svm", "naive-bayes"} <= set(
        models
    )
    assert {"ridge", "gradient-boosting-regressor", "k-means"} <= set(models)
    one = http.get("/v1/catalog/estimators/random-forest").json()
    assert one == models["random-forest"]
    assert one["library"] == "scikit-learn"
    trees = next(p for p in one["hyperparameters"] if p["name"] == "n_estimators")
    assert (trees["default"], trees["domains"][0]["minimum"]) == (100, 1)
    metrics = {item["name"] for item in http.get("/v1/catalog/metrics").json()["items"]}
    assert {"precision", "recall", "f1", "confusion-matrix", "rmse", "silhouette"} <= metrics
    assert "classification" in http.get("/v1/catalog/metrics/f1").json()["tasks"]
    first = http.get("/v1/catalog/datasets?limit=2")
    second = http.get(first.links["next"]["url"])
    names = [item["name"] for page in (first, second) for item in page.json()["items"]]
    assert names == sorted(set(names))
    assert len(names) >= 3


def rows_of(*columns: tuple[str, list[str]]) -> bytes:
    """A CSV of 48 rows of columns whose values come again."""
    lines = [",".join(name for name, _ in columns)]
    lines += [",".join(values[n % len(values)] for _, values in columns) for n in range(48)]
    return "\n".join(lines).encode() + b"\n"


def test_the_task_is_the_models_and_other_data_must_be_alike(http: httpx.Client, session: str):
    flag, size = ("flag", ["true", "false"]), ("size", ["1.5", "2.5", "3.5", "4.5"])
    code = ("code", [str(n) for n in range(24)])
    few = ("few", ["0.0", "1.0"])
    own = http.put(
        "/v1/catalog/datasets/alike?target=few", content=rows_of(flag, size, code, few)
    ).json()
    assert (own["task"], own["classes"]) == ("regression", {"0.0": 24, "1.0": 24})

    def train(**more: object) -> httpx.Response:
        body = {"estimator": "decision-tree", "dataset": "alike"} | more
        return http.post(f"{session}/trainings", json=body, headers={"Prefer": "wait=60"})

    run = train().json()
    assert (run["status"], run["task"]) == ("completed", "classification"), run
    assert train(estimator="ridge").json()["status"] == "completed"
    problem(train(target="code"), 422, "task-unfit", "24 different numbers", "--task class")
    problem(train(target="flag", estimator="ridge"), 422, "task-unfit", "is true or false, which")
    asked = train(target="code", task="classification", split={"stratify": False}).json()
    assert (asked["status"], len(asked["parameters"]["classes"]) > 20) == ("completed", True), asked

    def evaluate(name: str, *columns: tuple[str, list[str]]) -> httpx.Response:
        assert (
            http.put(f"/v1/catalog/datasets/{name}", content=rows_of(*columns)).status_code == 201
        )
        body = {"training": run["id"], "dataset": name, "metrics": ["accuracy"]}
        return http.post(f"{session}/evaluations", json=body, headers={"Prefer": "wait=60"})

    text, times = ("size", ["big", "small"]), ("flag", ["2020-01-01", "2021-01-01"])
    words = ("size has text in words, and size has numbers from 1.5 to 4.5 in alike", "--type")
    problem(evaluate("words", flag, text, code, few), 422, "dataset-unfit", *words)
    problem(evaluate("times", times, size, code, few), 422, "dataset-unfit", "flag has times")
    percents = ("size", ["150 %", "250 %", "350 %", "450 %"])
    told = "units differ: size has no unit in alike, and % in percents"
    problem(evaluate("percents", flag, percents, code, few), 422, "dataset-unfit", told)
    twos, ones = ("flag", ["1", "2"]), ("flag", ["1", "0"])
    problem(evaluate("twos", twos, size, code, few), 422, "dataset-unfit", "from 1 to 2 in twos")
    done = evaluate("ones", ones, size, code, ("few", ["0", "1", "0", "7"])).json()
    assert (done["status"], done["results"]["accuracy"]) == ("completed", 0.75), done
    assert done["unseen"] == {"few": 12}
    rows = rows_of(ones, size, code, ("few", ["2", "3.0"]))
    http.put("/v1/catalog/datasets/strange?target=few", content=rows)
    told = "strange has the classes 2, 3.0, and the model knows none of them: it was trained on 0.0"
    body = {"training": run["id"], "dataset": "strange"}
    problem(http.post(f"{session}/evaluations", json=body), 422, "dataset-unfit", told)
    rows = rows_of(ones, size, code, ("few", ["1", "3.0"]))
    http.put("/v1/catalog/datasets/strange?target=few", content=rows)
    body["metrics"] = ["accuracy", "roc-auc"]
    told = "roc-auc cannot be computed on rows with classes that the model was not trained on, and"
    problem(http.post(f"{session}/evaluations", json=body), 422, "metric-unfit", told, "has 3.0")
    body["positive"] = "0.0"
    told = "no row of strange is of class '0.0': strange has the classes 1, 3.0"
    problem(http.post(f"{session}/evaluations", json=body), 422, "class-unknown", told)
    assert done["notes"] == ["flag: took 1 for true, 0 for false", "few: took 0 for 0.0, 1 for 1.0"]

"""Predictions over HTTP: rows that are sent, or of a dataset."""

import io
import uuid

import httpx
import pandas as pd
import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.shared.predictions.rows import wanted
from autolearn.schemas.results import PREDICTION_FILES
from tests.api.conftest import System
from tests.support.api_assertions import position, problem

WAIT = {"Prefer": "wait=60"}
FORMS = {
    "text/csv": lambda content: pd.read_csv(io.BytesIO(content)),
    "application/jsonl": lambda content: pd.read_json(io.BytesIO(content), lines=True),
    "application/vnd.apache.parquet": lambda content: pd.read_parquet(io.BytesIO(content)),
}
HEADER = "sepal_length,sepal_width,petal_length,petal_width"
FLOWERS = f"flower,{HEADER}\nf1,5.1,3.5,1.4,0.2\nf2,6.3,3.3,6.0,2.5\nf3,5.0,3.4,1.5,0.2\n"


def rows(http: httpx.Client, prediction: dict, media: str = "text/csv") -> pd.DataFrame:
    answer = http.get(prediction["links"]["rows"], headers={"Accept": media})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == media
    assert answer.headers["vary"] == "Accept"
    return FORMS[media](answer.content)


def send(http: httpx.Client, at: str, content: str, status: int = 201, **query: object) -> dict:
    answer = http.put(f"{at}/predictions", params=query, content=content.encode(), headers=WAIT)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_rows_that_are_sent_get_a_class_each_and_are_no_dataset(
    system: System, http: httpx.Client, trained: tuple[str, str]
):
    at, training = trained
    before = http.get("/v1/catalog/datasets?limit=1000").json()
    found = send(http, at, FLOWERS, training=training[:8], name="june.csv", with_input=True)
    assert (found["status"], found["sent"], found["rows"]) == ("completed", True, 3), found
    assert (found["dataset"]["name"], found["training"]) == ("june.csv", training)
    classes = [f"probability_{name}" for name in ("setosa", "versicolor", "virginica")]
    assert found["columns"] == ["flower", *HEADER.split(","), "prediction", *classes]
    assert found["counts"] == {"setosa": 2, "virginica": 1}
    assert found["notes"] == []
    for media in FORMS:
        got = rows(http, found, media)
        assert got["flower"].tolist() == ["f1", "f2", "f3"]
        assert got["prediction"].tolist() == ["setosa", "virginica", "setosa"]
        assert (got[classes].sum(axis=1) - 1).abs().max() < 1e-9
    assert http.get("/v1/catalog/datasets?limit=1000").json() == before
    assert found["id"] in [one["id"] for one in http.get(f"{at}/predictions").json()["items"]]
    assert http.get(found["links"]["self"]).json() == found
    bare = send(http, at, FLOWERS, training=training)
    assert bare["columns"][0] == "prediction"
    assert bare["notes"] == ["not used by the model: flower"]
    answer = http.get(found["links"]["rows"], headers={"Accept": "image/png"})
    problem(answer, 406, "not-acceptable", "text/csv")


def test_a_dataset_is_predicted_by_an_experiment(http: httpx.Client, session: str):
    body = {"estimator": "ridge", "dataset": "diabetes"}
    http.post(f"{session}/trainings", json=body, headers=WAIT)
    experiment = http.post(f"{session}/commit").headers["location"]
    before = http.get(experiment).json()
    body = {"dataset": "diabetes"}
    answer = http.post(f"{experiment}/predictions", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["rows"], found["sent"], found["columns"]) == (442, False, ["prediction"])
    assert rows(http, found)["prediction"].between(0, 400).all()
    after = http.get(experiment).json()
    assert after["counts"] == before["counts"]
    assert after["since_commit"] == {"predictions": {"completed": 1}}
    problem(
        http.post(f"{experiment}/predictions", json={"dataset": "iris"}),
        422, "dataset-unfit", "iris lacks age",
    )  # fmt: skip


def test_rows_that_lack_a_column_are_refused_before_anything_is_kept(
    system: System, http: httpx.Client, trained: tuple[str, str]
):
    at, training = trained
    before = position(http)
    wrong = FLOWERS.replace("petal_width", "width")
    answer = http.put(f"{at}/predictions?training={training}&name=june.csv", content=wrong)
    problem(answer, 422, "dataset-unfit", "june.csv lacks petal_width")
    answer = http.put(f"{at}/predictions?training={training}", content=b"")
    problem(answer, 422, "dataset-refused")
    assert position(http) == before


def test_a_row_may_lack_a_value_and_a_repeated_request_is_done_once(
    http: httpx.Client, trained: tuple[str, str]
):
    at, training = trained
    lacking = f"{HEADER}\n5.1,3.5,,0.2\n"
    key = {"Idempotency-Key": uuid.uuid4().hex, **WAIT}
    path = f"{at}/predictions?training={training}"
    answers = [http.put(path, content=lacking, headers=key) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201], answers[0].text
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[0].json()["notes"] == [
        "without any value, so imputed: petal_length",
        "gaps where the training had none: petal_length (1)",
    ]
    answer = http.put(path, content=FLOWERS, headers=key)
    problem(answer, 422, "idempotency-key-reused")


def test_a_prediction_that_is_not_completed_has_no_rows(http: httpx.Client, session: str):
    body = {"estimator": "dbscan", "dataset": "iris"}
    http.post(f"{session}/trainings", json=body, headers=WAIT)
    found = send(http, session, FLOWERS)
    assert (found["status"], found["reason"]) == ("failed", "input")
    assert "assigns no rows but those" in found["detail"]
    assert (found["kept_until"], "rows" in found["links"]) == (None, False)
    answer = http.get(f"{found['links']['self']}/rows")
    problem(answer, 409, "prediction-incomplete", "failed")


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "text/csv"),
        ("application/*", "application/jsonl"),
        ("application/parquet", "application/vnd.apache.parquet"),
        ("text/csv;q=0.1, application/x-ndjson", "application/jsonl"),
        ("text/csv;q=0, */*;q=0.5", "application/jsonl"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
    ],
)
def test_the_client_chooses_the_form(accept: str, media: str):
    assert wanted(accept, PREDICTION_FILES.values()) == media


def test_of_one_form_only_that_is_sent():
    assert wanted("*/*", ["rows.parquet"]) == "application/vnd.apache.parquet"
    with pytest.raises(Problem, match=r"allows none of application/vnd\.apache\.parquet"):
        wanted("text/csv", ["rows.parquet"])


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "text/csv;q=x", ","])
def test_a_form_that_there_is_not(accept: str):
    with pytest.raises(Problem):
        wanted(accept, PREDICTION_FILES.values())

"""Batches: a version of a model predicts a dataset, for those who may ask it."""

import io
import uuid

import httpx
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from tests.support.api_assertions import problem
from tests.support.people import People

pytestmark = pytest.mark.kafka
WAIT = {"Prefer": "wait=60"}
PARQUET = {"Accept": "application/vnd.apache.parquet"}


@pytest.fixture(scope="module")
def model(known: People) -> str:
    """The path of a model of the owner that the user `other` may ask; version 2 is retired."""
    session = known.session("batches")
    known.trained(session)
    known.trained(session)
    experiment = known.ask("owner", "POST", f"{session}/commit").headers["location"]
    path = f"/v1/models/b-{uuid.uuid4().hex[:8]}"
    kept = known.ask("owner", "GET", f"{experiment}/trainings").json()["items"]
    for training in kept:
        post(known, f"{path}/versions", {"training": training["id"]})
    for rest, body in {
        "promote": {"version": 1},
        "versions/2/retire": {},
        "share": {"user": "other", "may": "predict"},
    }.items():
        answer = post(known, f"{path}/{rest}", body)
        assert answer.status_code == 200, answer.text
    return path


def post(known: People, path: str, body: object, who: str = "owner") -> httpx.Response:
    return known.ask(who, "POST", path, json=body, headers=WAIT)


def test_who_may_ask_gets_a_row_for_each_row_of_the_dataset(known: People, model: str):
    asked = {"dataset": "iris", "with_input": True, "form": "parquet"}
    answer = post(known, f"{model}/predictions", asked, who="other")
    assert (answer.status_code, answer.json()["status"]) == (201, "completed"), answer.text
    made, at = answer.json(), answer.headers["location"]
    assert at == f"{model}/versions/1/predictions/{made['id']}" == made["links"]["self"]
    assert (made["model"], made["model_version"]) == (model.rpartition("/")[2], 1)
    batches, edges = made["batches"], made["score_edges"]
    assert [one["rows"] for one in batches] == [150] == [sum(batches[0]["scores"])]
    assert (batches[0]["counts"], len(edges)) == (made["counts"], 11)
    sent = known.ask("other", "GET", f"{at}/rows", headers=PARQUET)
    rows = pd.read_parquet(io.BytesIO(sent.content))
    assert rows["petal_width"].tolist() == load_iris().data[:, 3].tolist()
    assert rows["prediction"].value_counts().to_dict() == made["counts"]
    problem(
        known.ask("other", "GET", f"{at}/rows", headers={"Accept": "text/csv"}),
        406,
        "not-acceptable",
    )
    listed = known.ask("other", "GET", f"{model}/versions/1/predictions").json()["items"]
    assert [one["id"] for one in listed] == [made["id"]]
    again = known.ask("owner", "GET", f"{model}/versions/champion/predictions").json()["items"]
    assert [one["id"] for one in again] == [made["id"]], "who may promote sees all"
    experiment = f"/v1/experiments/{made['session']}"
    for path in (at, f"{experiment}/predictions/{made['id']}"):
        refused = known.ask("owner", "GET", f"{path}/rows")
        problem(refused, 403, "forbidden", "It is for who asked the model")
    problem(known.ask("other", "POST", f"{at}/cancel"), 409, "run-ended")
    assert known.ask("other", "GET", experiment).status_code == 404, "it is still the owner's"


def test_the_same_request_again_is_the_same_prediction(known: People, model: str):
    headers = {"Idempotency-Key": str(uuid.uuid4()), **WAIT}
    asked = {"dataset": "iris"}
    first, second = (
        known.ask("other", "POST", f"{model}/predictions", json=asked, headers=headers)
        for _ in range(2)
    )
    assert (first.headers["location"], first.json()["id"]) == (
        second.headers["location"],
        second.json()["id"],
    )


def test_what_cannot_be_predicted_is_refused_before_the_work(known: People, model: str):
    iris, ask = {"dataset": "iris"}, f"{model}/versions"
    unfit = post(known, f"{model}/predictions", {"dataset": "wine"})
    problem(unfit, 422, "dataset-unfit", "wine lacks sepal_length, sepal_width")
    problem(post(known, f"{ask}/2/predictions", iris), 410, "version-retired", "never answers")
    problem(post(known, f"{ask}/9/predictions", iris), 404, "version-unknown", "version or alias")
    problem(
        post(known, f"{model}/predictions", {"dataset": "iris", "form": "xls"}), 422, "invalid-body"
    )
    unread = {"dataset": f"d-{uuid.uuid4().hex[:8]}"}
    problem(post(known, f"{model}/predictions", unread), 422, "unknown-dataset")
    bare = f"/v1/models/b-{uuid.uuid4().hex[:8]}"
    problem(post(known, f"{bare}/predictions", iris), 404, "unknown-model")
    version = known.ask("owner", "GET", f"{model}/versions/1").json()
    post(known, f"{bare}/versions", {"training": version["training"]})
    problem(post(known, f"{bare}/predictions", iris), 409, "no-champion", "was promoted")
    problem(post(known, f"{model}/predictions", iris, who="colleague"), 404, "unknown-model")


def uploaded(known: People, content: pd.DataFrame) -> str:
    """The name of a new dataset of the owner."""
    name = f"d-{uuid.uuid4().hex[:8]}"
    sent = content.to_csv(index=False).encode()
    put = known.ask("owner", "PUT", f"/v1/catalog/datasets/{name}", content=sent)
    assert put.status_code == 201, put.text
    return name


def flowers() -> pd.DataFrame:
    data = load_iris(as_frame=True).data
    return data.rename(columns=lambda one: one.removesuffix(" (cm)").replace(" ", "_"))


def test_a_column_with_another_kind_of_values_is_named(known: People, model: str):
    name = uploaded(known, flowers().assign(petal_width="wide", sepal_width="narrow"))
    refused = post(known, f"{model}/predictions", {"dataset": name})
    problem(refused, 422, "dataset-unfit", "sepal_width has text", "petal_width has text")


def test_a_dataset_of_another_user_is_not_predicted(known: People, model: str):
    name = uploaded(known, flowers())
    refused = post(known, f"{model}/predictions", {"dataset": name}, who="other")
    problem(refused, 422, "unknown-dataset")
    known.ask("owner", "POST", f"/v1/catalog/datasets/{name}/share", json={"user": "other"})
    done = post(known, f"{model}/predictions", {"dataset": name}, who="other")
    assert (done.json()["status"], done.json()["rows"]) == ("completed", 150), done.text

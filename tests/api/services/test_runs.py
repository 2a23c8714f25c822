"""Trainings and evaluations over HTTP."""

import hashlib
import uuid

import httpx
import pytest

from tests.support.api_assertions import position, problem

WAIT = {"Prefer": "wait=60"}


def test_a_training_shows_what_was_asked_what_is_default_and_what_was_learned(
    http: httpx.Client, session: str
):
    body = {
        "estimator": "decision-tree",
        "dataset": "iris",
        "hyperparameters": {"max_depth": 2},
        "split": {"test": 0.4},
        "preprocessing": {"scale": "none"},
        "seed": 3,
    }
    answer = http.post(f"{session}/trainings", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    assert answer.headers["preference-applied"] == "wait=60"
    run = http.get(answer.headers["location"]).json()
    assert run == answer.json()
    assert run["status"] == "completed"
    assert run["hyperparameters"] == {"max_depth": 2}
    assert run["defaults"]["criterion"] == "gini"
    assert "max_depth" not in run["defaults"]
    assert run["split"] == {"test": 0.4, "stratify": True}
    assert run["preprocessing"]["scale"] == "none"
    assert (run["rows_train"], run["rows_test"]) == (90, 60)
    assert run["parameters"]


def test_a_session_shows_its_runs(http: httpx.Client, trained: tuple[str, str]):
    session, training = trained
    seen = http.get(session).json()
    (run,) = [one for one in seen["runs"] if one["kind"] == "training"]
    assert (run["id"], run["status"]) == (training, "completed")
    assert http.get(run["links"]["self"]).json()["id"] == training
    assert seen["next"] is None
    assert seen["counts"]["trainings"] == {"completed": 1}
    assert seen["running"] == []


def test_all_metrics_that_fit_are_measured_unless_some_are_named(
    http: httpx.Client, trained: tuple[str, str]
):
    session, training = trained
    answer = http.post(f"{session}/evaluations", json={"training": training}, headers=WAIT)
    assert answer.status_code == 201, answer.text
    fitting = {
        metric["name"]
        for metric in http.get("/v1/catalog/metrics").json()["items"]
        if "classification" in metric["tasks"] and metric.get("by_default", True)
    }
    assert set(answer.json()["results"]) == fitting
    assert answer.json()["held_out"] is True
    assert answer.json()["optional"] == answer.json()["metrics"]
    body = {"training": training, "metrics": ["f1"]}
    named = http.post(f"{session}/evaluations", json=body, headers=WAIT).json()
    assert set(named["results"]) == {"f1", "per-class"}
    assert (named["optional"], named["averages"]) == (["per-class"], {"f1": "macro"})
    body = {"training": training, "metrics": ["f1", "f1:setosa", "roc-auc:virginica"]}
    of_one = http.post(f"{session}/evaluations", json=body, headers=WAIT).json()
    assert of_one["metrics"] == [*body["metrics"], "per-class"]
    assert of_one["results"]["f1"] == named["results"]["f1"]
    lines = {line["class"]: line["f1"] for line in of_one["results"]["per-class"]}
    assert of_one["results"]["f1:setosa"] == lines["setosa"]
    assert of_one["averages"] == {"f1": "macro"}


def test_a_metric_that_cannot_be_computed_is_left_out_unless_it_is_named(
    http: httpx.Client, session: str
):
    body = {"estimator": "svm", "dataset": "iris"}
    run = http.post(f"{session}/trainings", json=body, headers=WAIT).json()
    asked = {"training": run["id"], "positive": "setosa"}
    found = http.post(f"{session}/evaluations", json=asked, headers=WAIT).json()
    assert found["status"] == "completed", found
    assert found["left_out"] == {
        name: f"{name} needs probabilities, and svm gives none" for name in ("brier", "log-loss")
    }
    assert found["positive"] == "setosa"
    assert found["averages"]["recall"] == "of class setosa"
    lines = {line["class"]: line for line in found["results"]["per-class"]}
    assert lines["setosa"]["recall"] == found["results"]["recall"]
    asked = {"training": run["id"], "metrics": ["log-loss", "f1"]}
    before = position(http)
    words = "log-loss needs probabilities, and svm gives none: choose from accuracy, average-prec"
    problem(http.post(f"{session}/evaluations", json=asked), 422, "metric-unfit", words)
    assert position(http) == before


def test_the_files_of_a_model_are_what_their_hashes_say(
    http: httpx.Client, trained: tuple[str, str]
):
    session, training = trained
    artifact = http.get(f"{session}/trainings/{training}/artifact").json()
    names = {file["name"] for file in artifact["files"]}
    assert {"model.skops", "schema.json", "environment.json"} <= names
    for file in artifact["files"]:
        content = http.get(file["links"]["self"])
        assert hashlib.sha256(content.content).hexdigest() == file["sha256"]
    at = f"{session}/trainings/{training}/artifact/secret"
    problem(http.get(at), 404, "unknown-file", "model.skops")


def test_a_training_that_has_not_ended_can_be_cancelled_once(http: httpx.Client, session: str):
    body = {
        "estimator": "gradient-boosting",
        "dataset": "digits",
        "hyperparameters": {"n_estimators": 100_000},
    }
    at = http.post(f"{session}/trainings", json=body).headers["location"]
    assert http.get(at).json()["ended"] is None
    running = http.get(session).json()["running"]
    assert [one["run"] for one in running] == [at.rpartition("/")[2]]
    answer = http.post(f"{at}/cancel")
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "cancelled"
    problem(http.post(f"{at}/cancel"), 409, "run-ended", "cancelled")
    problem(http.get(f"{at}/artifact"), 409, "training-incomplete", "cancelled")
    evaluation = {"training": at.rpartition("/")[2]}
    problem(http.post(f"{session}/evaluations", json=evaluation), 409, "training-incomplete")


def test_runs_are_listed_in_pages_and_by_status(http: httpx.Client, session: str):
    body = {"estimator": "naive-bayes", "dataset": "iris"}
    runs = [
        http.post(f"{session}/trainings", json=body, headers=WAIT).json()["id"] for _ in range(3)
    ]
    first = http.get(f"{session}/trainings?limit=2")
    second = http.get(first.links["next"]["url"])
    assert [run["id"] for page in (first, second) for run in page.json()["items"]] == runs
    assert "next" not in second.links
    assert http.get(f"{session}/trainings?status=failed").json()["items"] == []
    assert len(http.get(f"{session}/trainings?status=completed").json()["items"]) == 3
    assert http.get(f"{session}/evaluations").json()["items"] == []


def test_a_training_is_not_found_as_an_evaluation(http: httpx.Client, trained: tuple[str, str]):
    session, training = trained
    problem(http.get(f"{session}/evaluations/{training}"), 404, "run-unknown")
    problem(http.post(f"{session}/evaluations/{training}/cancel"), 404, "run-unknown")


@pytest.mark.parametrize("kind", ["trainings", "evaluations"])
def test_an_unknown_run(http: httpx.Client, session: str, kind: str):
    problem(http.get(f"{session}/{kind}/{uuid.uuid4()}"), 404, "run-unknown", f"{session}/{kind}")
    problem(http.post(f"{session}/{kind}/{uuid.uuid4()}/cancel"), 404, "run-unknown")


def test_clustering_needs_no_target(http: httpx.Client, session: str):
    body = {"estimator": "k-means", "dataset": "iris", "hyperparameters": {"n_clusters": 3}}
    run = http.post(f"{session}/trainings", json=body, headers=WAIT).json()
    assert run["status"] == "completed", run
    body = {"training": run["id"], "metrics": ["silhouette"]}
    found = http.post(f"{session}/evaluations", json=body, headers=WAIT).json()
    assert -1 <= found["results"]["silhouette"] <= 1


def test_plots_are_data_of_an_evaluation(http: httpx.Client, trained: tuple[str, str]):
    at, training = trained
    body = {"training": training, "metrics": ["accuracy"], "plots": ["roc", "confusion"]}
    answer = http.post(f"{at}/evaluations", json=body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["plots"], sorted(found["plot_data"])) == (
        ["roc", "confusion"],
        sorted(found["plots"]),
    )
    assert sorted(found["plot_data"]["roc"]["classes"]) == ["setosa", "versicolor", "virginica"]
    answer = http.post(f"{at}/evaluations", json={**body, "plots": ["residuals"]})
    fault = problem(answer, 422, "plot-unfit", "residuals does not fit classification")
    assert fault["errors"][0]["pointer"] == "#/plots"
    assert "choose from all, confusion, roc" in fault["detail"]

"""Every bad request gets a problem that says what and why, and changes nothing."""

import socket
import uuid
from typing import Any

import httpx
import pytest

from tests.api.conftest import System
from tests.support.api_assertions import position, problem
from tests.support.waiting import until

IRIS = {"estimator": "logistic-regression", "dataset": "iris"}

TRAININGS: list[tuple[dict[str, Any], str, str]] = [
    (IRIS | {"estimator": "logistik-regression"}, "unknown-estimator", "'logistic-regression'?"),
    (IRIS | {"dataset": "irs"}, "unknown-dataset", "'iris'?"),
    (IRIS | {"dataset": {"name": "iris", "version": "0"}}, "unknown-version", "versions"),
    (IRIS | {"target": "colour"}, "unknown-target", "species"),
    (IRIS | {"hyperparameters": {"C": "much"}}, "invalid-hyperparameters", "C must be number"),
    (IRIS | {"hyperparameters": {"C": -1}}, "invalid-hyperparameters", "C must be number > 0"),
    (IRIS | {"hyperparameters": {"max_iter": 1.5}}, "invalid-hyperparameters", "integer"),
    (IRIS | {"hyperparameters": {"max_iter": 10**400}}, "invalid-hyperparameters", "2^53"),
    (IRIS | {"hyperparameters": {"depth": 1}}, "invalid-hyperparameters", "no hyperparameter"),
    (IRIS | {"estimator": "ridge"}, "task-unfit", "decision-tree"),
    (IRIS | {"dataset": "diabetes"}, "task-unfit", "ridge"),
    (IRIS | {"target": "petal_width"}, "task-unfit", "use --task classification"),
    (IRIS | {"task": "regression"}, "task-unfit", "logistic-regression is for classification, not"),
    (IRIS | {"task": "both"}, "invalid-body", "#/task"),
    (IRIS | {"estimator": "ridge", "task": "regression"}, "task-unfit", "is text, which makes it"),
    (IRIS | {"split": {"test": 0}}, "invalid-body", "#/split/test"),
    (IRIS | {"split": {"test": 1}}, "invalid-body", "#/split/test"),
    (IRIS | {"split": {"test": 0.99}}, "split-unfit", "3 classes"),
    (IRIS | {"seed": -1}, "invalid-body", "#/seed"),
    (IRIS | {"seed": "1"}, "invalid-body", "#/seed"),
    (IRIS | {"sed": 1}, "invalid-body", "#/sed: there is no such field"),
    (IRIS | {"preprocessing": {"scale": "big"}}, "invalid-body", "min-max"),
    (IRIS | {"time_limit": 0}, "invalid-body", "#/time_limit"),
    (IRIS | {"time_limit": 3601}, "limit-too-high", "AUTOLEARN_TIME_LIMIT"),
    (IRIS | {"memory_limit": 2**24}, "limit-too-high", "at most 4096 MiB"),
    (IRIS | {"memory_limit": 10**400}, "limit-too-high", "AUTOLEARN_MEMORY_LIMIT"),
    (IRIS | {"labels": {"gpu": "one"}}, "invalid-labels", "gpu is 'one', and wants a whole number"),
    (IRIS | {"labels": {"gpu": 1}}, "invalid-body", "#/labels/gpu"),
    ({"dataset": "iris"}, "invalid-body", "#/estimator: this field is required"),
    ({"estimator": "svm", "dataset": {"name": "iris", "x": 1}}, "invalid-body", "#/dataset/x"),
]


@pytest.mark.parametrize(("body", "kind", "words"), TRAININGS)
def test_a_training_that_cannot_be(
    http: httpx.Client, session: str, body: dict[str, Any], kind: str, words: str
):
    before = position(http)
    content = problem(http.post(f"{session}/trainings", json=body), 422, kind, words)
    assert all(error["pointer"].startswith("#/") for error in content["errors"])
    assert content["errors"]
    assert position(http) == before


def test_all_faults_of_a_body_are_named(http: httpx.Client, session: str):
    body = IRIS | {"seed": -1, "what": 1, "split": {"test": 2}}
    content = problem(http.post(f"{session}/trainings", json=body), 422, "invalid-body")
    places = {error["pointer"] for error in content["errors"]}
    assert places == {"#/seed", "#/what", "#/split/test"}


@pytest.mark.parametrize(
    ("metrics", "kind", "words"),
    [
        (["f9"], "unknown-metric", "f1"),
        (["f9:setosa"], "unknown-metric", "no metric 'f9'"),
        (["accuracy:setosa"], "metric-unfit", "accuracy cannot be of one class: choose from av"),
        (["f1", "f1:rose"], "class-unknown", "its classes are setosa, versicolor, virginica"),
        (["r2"], "metric-unfit", "accuracy"),
        (["accuracy", "silhouette"], "metric-unfit", "silhouette does not fit"),
        ([], "invalid-body", "#/metrics"),
    ],
)
def test_a_metric_that_cannot_be(
    http: httpx.Client, trained: tuple[str, str], metrics: list[str], kind: str, words: str
):
    session, training = trained
    body = {"training": training, "metrics": metrics}
    before = position(http)
    problem(http.post(f"{session}/evaluations", json=body), 422, kind, words)
    assert position(http) == before


@pytest.mark.parametrize(
    ("positive", "kind", "words"),
    [
        ("rose", "class-unknown", "its classes are setosa, versicolor, virginica"),
        (1, "class-unknown", "no class '1'"),
        (True, "class-unknown", "no class 'true'"),
        (1.5, "invalid-body", "#/positive"),
        ("", "invalid-body", "#/positive"),
    ],
)
def test_a_positive_class_that_is_none(
    http: httpx.Client, trained: tuple[str, str], positive: Any, kind: str, words: str
):
    session, training = trained
    body = {"training": training, "positive": positive}
    before = position(http)
    problem(http.post(f"{session}/evaluations", json=body), 422, kind, words)
    assert position(http) == before


def test_an_evaluation_of_nothing(http: httpx.Client, trained: tuple[str, str]):
    session, training = trained
    at = f"{session}/evaluations"
    problem(http.post(at, json={"training": str(uuid.uuid4())}), 422, "unknown-training", training)
    problem(http.post(at, json={"training": "t1"}), 422, "malformed-id", "or the start of one")
    problem(http.post(at, json={"training": "0" * 12}), 422, "unknown-training", "begins with")
    other = {"training": training, "dataset": "wine"}
    problem(http.post(at, json=other), 422, "dataset-unfit", "lacks")


IDS = ["x", "..%2F..", "a%00b", "%FF", "1" * 300]


@pytest.mark.parametrize("identifier", IDS)
def test_malformed_ids(http: httpx.Client, identifier: str):
    for at in ("/v1/sessions/{}", "/v1/experiments/{}", "/v1/commands/{}"):
        answer = http.get(at.format(identifier))
        if "%2F" in identifier:  # a slash makes it another path
            problem(answer, 404, "no-such-route")
        else:
            words = "a UUID in lower case" if "commands" in at else "or the start of one"
            problem(answer, 422, "malformed-id", words)


def test_unknown_sessions(http: httpx.Client):
    at = f"/v1/sessions/{uuid.uuid4()}"
    problem(http.get(at), 404, "session-unknown", "/v1/sessions")
    problem(http.get(f"{at}/trainings"), 404, "session-unknown")
    problem(http.post(f"{at}/trainings", json=IRIS), 404, "session-unknown")
    problem(http.post(f"{at}/commit"), 404, "session-unknown")
    problem(http.post(f"{at}/discard"), 404, "session-unknown")


@pytest.mark.parametrize("kind", ["estimator", "metric", "dataset"])
def test_unknown_in_the_catalog_says_what_there_is(http: httpx.Client, kind: str):
    content = problem(
        http.get(f"/v1/catalog/{kind}s/nope"), 404, f"unknown-{kind}", f"/v1/catalog/{kind}s"
    )
    assert content["known"]
    problem(http.get(f"/v1/catalog/{kind}s/No%20pe"), 422, "malformed-id", "lower-case")


@pytest.mark.parametrize(
    "content", [b"{", b"nope", b'{"title": NaN}', b'"\xff"', b"[" * 100_000, b'{"title":"\\ud800"}']
)
def test_a_body_that_is_not_json(http: httpx.Client, content: bytes):
    headers = {"content-type": "application/json"}
    answer = http.post("/v1/sessions", content=content, headers=headers)
    problem(answer, 400, "not-json", "JSON")


@pytest.mark.parametrize("content", [b"[]", b"1", b'{"title": 1}', b'{"title": null}'])
def test_a_body_that_does_not_fit(http: httpx.Client, content: bytes):
    headers = {"content-type": "application/json"}
    answer = http.post("/v1/sessions", content=content, headers=headers)
    problem(answer, 422, "invalid-body")


def test_a_body_that_says_it_is_something_else(http: httpx.Client):
    answer = http.post("/v1/sessions", data={"title": "a form"})
    problem(answer, 415, "not-json", "x-www-form-urlencoded")


def test_100_megabytes_are_refused_before_they_come(http: httpx.Client):
    url = httpx.URL(http.base_url)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        head = "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\n\r\n"
        connection.sendall(head.encode())  # and not one byte of the body
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"urn:autolearn:problem:body-too-large" in answer


def test_100_megabytes_of_unknown_length_are_refused_on_the_way(http: httpx.Client):
    given = 0

    def body():
        nonlocal given
        for _ in range(1600):
            given += 65536
            yield b" " * 65536

    answer = http.post("/v1/sessions", content=body())
    problem(answer, 413, "body-too-large", "4,194,304")
    assert given < 50_000_000


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=501", "page=!", "page=W10"])
def test_a_query_that_does_not_fit(http: httpx.Client, query: str):
    answer = http.get(f"/v1/sessions?{query}")
    kind = "malformed-token" if query.startswith("page") else "invalid-request"
    assert problem(answer, 422, kind)["errors"][0]["parameter"] == query.partition("=")[0]


def test_paths_and_methods_that_do_not_exist(http: httpx.Client):
    problem(http.get("/v3/sessions"), 404, "no-such-route")
    problem(http.get("/v1/sessions/"), 404, "no-such-route")
    answer = http.delete("/v1/sessions")
    problem(answer, 405, "method-not-allowed", "GET, HEAD, POST")
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_a_body_that_no_command_could_hold_is_refused(http, session):
    deep: object = 1
    for _ in range(150):
        deep = [deep]
    body = {"estimator": "svm", "dataset": "iris", "hyperparameters": {"C": deep}}
    answer = http.post(f"{session}/trainings", json=body)
    assert answer.status_code == 422
    assert "nested too deeply" in answer.json()["detail"]


def test_a_command_that_is_too_large_is_refused_and_not_promised(http: httpx.Client, session: str):
    """It is no 503 either, which clients would ask again for."""
    before = position(http)
    for length, accepted in ((20, True), (100, True), (195, False)):
        names = [f"{'é' * length}{n:04}" for n in range(4_900)]
        body = IRIS | {"hyperparameters": {"class_weight": dict.fromkeys(names, 1)}}
        answer = http.post(f"{session}/trainings", json=body, headers={"Prefer": "wait=10"})
        if accepted:
            assert answer.status_code == 201, answer.text
            before = position(http)
        else:
            said = problem(answer, 413, "too-large", "1,048,576", "ask for less")
            assert said["size"] > said["limit"] == 1024 * 1024
            assert position(http) == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a": "x" * 201}, "201 characters of text; at most 200"),
        ({"a": [[[[1]]]]}, "nested deeper than 4 levels"),
        (dict.fromkeys(map(str, range(5_001)), 1), "more than 10,000 values"),
    ],
)
def test_a_hyperparameter_has_a_size(http: httpx.Client, session: str, given: Any, words: str):
    body = IRIS | {"hyperparameters": {"class_weight": given}}
    answer = http.post(f"{session}/trainings", json=body)
    problem(answer, 422, "invalid-hyperparameters", words)
    assert len(answer.content) < 2000


def test_faults_of_a_body_are_told_up_to_a_bound(http: httpx.Client, session: str):
    body = dict.fromkeys([f"{'x' * 1000}{n}" for n in range(1000)], 1)
    answer = http.post(f"{session}/trainings", json=body)
    content = problem(answer, 422, "invalid-body", "there is no such field")
    assert len(content["errors"]) == 50
    assert len(answer.content) < 50_000


def test_a_number_of_too_many_digits_is_no_fault_of_ours(http: httpx.Client, session: str):
    body = b'{"estimator":"svm","dataset":"iris","hyperparameters":{"C":' + b"9" * 5000 + b"}}"
    answer = http.post(f"{session}/trainings", content=body)
    assert answer.status_code in (400, 422), answer.text


def test_who_goes_within_a_body_is_recorded_as_that_and_no_fault(system: System):
    trace, url = uuid.uuid4().hex, httpx.URL(system.http.base_url)
    head = f"Host: localhost\r\nTraceparent: 00-{trace}-00f067aa0ba902b7-01\r\nContent-Length: 9"
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.sendall(f"POST /v1/sessions HTTP/1.1\r\n{head}\r\n\r\n{{".encode())

    def recorded() -> list[int]:
        query = {"trace": trace, "source": "memory"}
        hops = system.http.get("/v1/audit", params=query).json()["items"]
        return [hop["status"] for hop in hops if hop.get("status")]

    until(lambda: recorded() == [400])
    assert "ClientDisconnect" not in system.first.log.read_text()

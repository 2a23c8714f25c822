"""The same Idempotency-Key is the same command, however often and wherever it is sent."""

import concurrent.futures
import uuid

import httpx
import pytest

from tests.api.conftest import System
from tests.support.api_assertions import position, problem


def keyed(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def test_a_repeated_request_gets_the_first_answer_and_adds_nothing(http: httpx.Client):
    key = keyed()
    first = http.post("/v1/sessions", json={"title": "once"}, headers=key)
    before = position(http)
    again = http.post("/v1/sessions", json={"title": "once"}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert position(http) == before


def test_a_repetition_through_another_process_is_the_same_command(system: System):
    key = keyed()
    first = system.http.post("/v1/sessions", json={}, headers=key)
    again = system.other.post("/v1/sessions", json={}, headers=key)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["sequence"] == 1


def test_one_command_sent_at_once_from_everywhere_is_decided_once(system: System):
    for _ in range(5):
        key = keyed()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(
                    lambda number, key=key: httpx.post(
                        (system.first, system.second)[number % 2].url + "/v1/sessions", headers=key
                    ),
                    range(8),
                )
            )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert {answer.json()["sequence"] for answer in answers} == {1}


def test_a_repeated_training_is_one_training(system: System, session: str):
    key = keyed()
    body = {"estimator": "naive-bayes", "dataset": "iris"}
    first = system.http.post(f"{session}/trainings", json=body, headers=key)
    again = system.other.post(f"{session}/trainings", json=body, headers=key)
    assert first.json()["id"] == again.json()["id"]
    assert len(system.http.get(f"{session}/trainings").json()["items"]) == 1


def test_a_refusal_is_repeated_too(http: httpx.Client, session: str):
    key = keyed()
    problem(http.post(f"{session}/commit", headers=key), 409, "nothing-to-commit")
    body = {"estimator": "naive-bayes", "dataset": "iris"}
    http.post(f"{session}/trainings", json=body, headers={"Prefer": "wait=60"})
    problem(http.post(f"{session}/commit", headers=key), 409, "nothing-to-commit")
    assert http.post(f"{session}/commit", headers=keyed()).status_code == 201


def test_a_key_belongs_to_one_content(system: System):
    key = keyed()
    system.http.post("/v1/sessions", json={"title": "a"}, headers=key)
    for client in (system.http, system.other):
        before = position(system.http)
        answer = client.post("/v1/sessions", json={"title": "b"}, headers=key)
        problem(answer, 422, "idempotency-key-reused", "new key")
        assert position(system.http) == before


def test_a_key_belongs_to_one_route(http: httpx.Client, session: str):
    key = keyed()
    run = http.post(
        f"{session}/trainings", json={"estimator": "svm", "dataset": "iris"}, headers=key
    )
    assert run.status_code == 201
    assert http.post(f"{session}/discard", headers=key).status_code == 200


def test_an_opened_session_that_is_gone_was_opened_all_the_same(http: httpx.Client):
    key = keyed()
    at = http.post("/v1/sessions", headers=key).headers["location"]
    http.post(f"{at}/discard")
    again = http.post("/v1/sessions", headers=key)
    assert (again.status_code, again.headers["location"]) == (201, at)
    assert again.json()["state"] == "accepted"


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "caf\u00e9"])
def test_a_malformed_key(http: httpx.Client, key: str):
    answer = http.post("/v1/sessions", headers={"Idempotency-Key": key.encode("latin-1")})
    problem(answer, 400, "malformed-idempotency-key", "255 visible")

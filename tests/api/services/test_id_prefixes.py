"""The start of an id is taken wherever it is printed; what nothing begins with is answered so."""

import hashlib
import uuid

import httpx
import pytest

from tests.support.api_assertions import problem

pytestmark = pytest.mark.kafka

ROWS = "2,0\n3,1\n4,0\n5,1\n6,0\n7,1\n8,0\n"


def alike() -> list[str]:
    """Two files whose versions begin with the same character."""
    by_first = dict[str, str]()
    for number in range(17):
        content = f"a,y\n{number},1\n{ROWS}"
        first = version_of(content)[0]
        if first in by_first:
            return [by_first[first], content]
        by_first[first] = content
    raise AssertionError("there are sixteen digits")


def version_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


FILES = alike()


@pytest.fixture(scope="module")
def versions(http: httpx.Client) -> list[str]:
    """The versions of a dataset: both begin alike."""
    for content in FILES:
        answer = http.put("/v1/catalog/datasets/starts?target=y", content=content)
        assert answer.status_code == 201, answer.text
    items = http.get("/v1/catalog/datasets/starts/versions").json()["items"]
    return [item["version"] for item in items]


def shared(versions: list[str]) -> str:
    """A character with which more than one begins."""
    firsts = [one[0] for one in versions]
    return next(one for one in firsts if firsts.count(one) > 1)


def test_a_version_is_found_by_its_start(http: httpx.Client, versions: list[str]):
    wanted = versions[-1]
    for start in (wanted[:8], wanted[:8].upper(), wanted):
        assert http.get(f"/v1/catalog/datasets/starts?version={start}").json()["version"] == wanted
        content = http.get(f"/v1/catalog/datasets/starts/content?version={start}")
        assert content.text in FILES
    several = problem(
        http.get(f"/v1/catalog/datasets/starts?version={shared(versions)}"), 422, "ambiguous-id"
    )
    assert len(several["known"]) > 1
    assert all(one in several["detail"] for one in several["known"])
    none = problem(http.get("/v1/catalog/datasets/starts?version=xyz"), 404, "unknown-version")
    assert "No version of starts begins with 'xyz'" in none["detail"]
    assert versions[0][:8] in none["detail"]


def test_a_run_is_on_the_version_that_begins_so(
    http: httpx.Client, session: str, versions: list[str]
):
    at, wanted = f"{session}/trainings", versions[-1]
    for data in (f"starts@{wanted[:8]}", {"name": "starts", "version": wanted[:8]}):
        answer = http.post(at, json={"estimator": "naive-bayes", "dataset": data})
        assert answer.status_code == 201, answer.text
        assert answer.json()["dataset"]["version"] == wanted
    body = {"estimator": "naive-bayes", "dataset": f"starts@{shared(versions)}"}
    problem(http.post(at, json=body), 422, "ambiguous-id", "Give more of it")
    for data, pointer in (
        ("starts@xyz", "#/dataset"),
        ({"name": "starts", "version": "xyz"}, "#/dataset/version"),
        ("starts@", "#/dataset"),
    ):
        answer = http.post(at, json={"estimator": "naive-bayes", "dataset": data})
        found = problem(answer, 422, "unknown-version", "begins with")
        assert found["errors"][0]["pointer"] == pointer


def test_sessions_and_runs_are_found_by_their_starts(http, system, trained):
    at, training = trained
    session = at.rpartition("/")[2]
    short = f"/v1/sessions/{session[:8].upper()}"
    for client in (http, system.other):
        assert client.get(short).json()["id"] == session
    assert http.get(f"{short}/trainings/{training[:8]}").json()["id"] == training
    assert http.get(f"{short}/trainings/{training[:8]}/artifact").status_code == 200
    body, wait = {"training": training[:8]}, {"Prefer": "wait=60"}
    answer = http.post(f"{short}/evaluations", json=body, headers=wait)
    assert answer.json()["training"] == training
    evaluation = answer.json()["id"]
    assert http.get(f"{short}/evaluations/{evaluation[:8]}").json()["id"] == evaluation
    kinds = problem(http.get(f"{short}/trainings/{evaluation[:8]}"), 404, "run-unknown")
    assert f"No training of this session begins with {evaluation[:8]}" in kinds["detail"]
    events = http.get(f"/v1/events?session={session[:8]}").json()["items"]
    assert {event["subject"] for event in events} == {f"session/{session}"}
    assert http.get(f"/v1/events?stream=session/{session[:8]}").json()["items"] == events


def test_an_experiment_and_what_it_keeps_are_found_by_their_starts(http, session):
    body = {"estimator": "naive-bayes", "dataset": "iris"}
    answer = http.post(f"{session}/trainings", json=body, headers={"Prefer": "wait=60"})
    training, start = answer.json()["id"], session.rpartition("/")[2][:13]
    kept = http.post(
        f"/v1/sessions/{start}/commit",
        json={"trainings": [training[:8]]},
        headers={"Idempotency-Key": "once"},
    )
    assert kept.status_code == 201, kept.text
    again = http.post(
        f"/v1/sessions/{start}/commit",
        json={"trainings": [training[:8]]},
        headers={"Idempotency-Key": "once"},
    )
    assert again.json()["id"] == kept.json()["id"]
    assert http.get(f"/v1/experiments/{start}").json()["id"] == kept.json()["id"]
    shown = http.get(f"/v1/experiments/{start}/trainings/{training[:8]}")
    assert shown.json()["id"] == training
    problem(http.get(f"/v1/sessions/{start}"), 404, "session-committed", "experiments")


def test_several_that_begin_so_are_listed_and_none_is_said(http: httpx.Client):
    for _ in range(17):
        http.post("/v1/sessions")
    ids = [item["id"] for item in http.get("/v1/sessions?limit=500").json()["items"]]
    found = problem(http.get(f"/v1/sessions/{shared(ids)}"), 422, "ambiguous-id")
    assert len(found["known"]) > 1
    start = next(s for n in range(10_000) if not any(i.startswith(s := f"{n:04}") for i in ids))
    for kind in ("session", "experiment"):
        words = f"No {kind} of yours begins with {start}"
        problem(http.get(f"/v1/{kind}s/{start}"), 404, f"{kind}-unknown", words)
    upper = str(uuid.uuid4()).upper()
    problem(http.get(f"/v1/sessions/{upper}"), 404, "session-unknown", upper.lower())

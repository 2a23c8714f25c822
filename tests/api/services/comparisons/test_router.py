"""Comparisons over HTTP: what may be compared by whom, now and in the past."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import pytest

from tests.support.api_assertions import problem
from tests.support.people import People

pytestmark = pytest.mark.kafka


class Work(NamedTuple):
    """Two trainings in an open session that is shared, and one in an experiment that is not."""

    session: str
    first: str
    second: str
    experiment: str
    kept: str
    before: str


@pytest.fixture(scope="module")
def work(known: People) -> Work:
    session, ended = known.session("compared"), known.session("kept")
    known.share(session)
    first, _ = known.trained(session)
    position = known.ask("owner", "GET", "/v1/position").json()["token"]
    body = {"estimator": "dummy", "dataset": "iris", "hyperparameters": {}}
    wait = {"Prefer": "wait=60"}
    answer = known.ask("owner", "POST", f"{session}/trainings", json=body, headers=wait)
    assert answer.json()["status"] == "completed", answer.text
    kept, _ = known.trained(ended)
    experiment = known.ask("owner", "POST", f"{ended}/commit").headers["location"]
    ids = [path.rpartition("/")[2] for path in (session, experiment)]
    return Work(ids[0], first, answer.json()["id"], ids[1], kept, position)


def of(*ids: str, **more: str) -> str:
    query = "&".join([*(f"of={one}" for one in ids), *(f"{k}={v}" for k, v in more.items())])
    return f"/v1/compare?{query}"


def test_a_session_is_compared_with_an_experiment(known: People, work: Work):
    answer = known.ask("owner", "GET", of(work.session[:18], work.experiment, sort="f1"))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [(one["id"], one["kind"], one["title"]) for one in found["owners"]] == [
        (work.session, "session", "compared"),
        (work.experiment, "experiment", "kept"),
    ]
    assert [line["id"] for line in found["trainings"]] == [work.first, work.kept, work.second]
    assert [line["baseline"] for line in found["trainings"]] == [False, False, True]
    (metric,) = found["metrics"]
    assert (metric["name"], metric["greater_is_better"], metric["best"]) == ("f1", True, work.first)
    assert found["trainings"][0]["scores"]["f1"]["rows"] == 38
    assert found["trainings"][2]["scores"] == {}
    for line in found["trainings"]:
        assert known.ask("owner", "GET", line["links"]["self"]).json()["id"] == line["id"]
    assert found["shared"]["task"] == "classification"
    assert found["same_rows"]


def test_single_trainings_are_compared(known: People, work: Work):
    for ids in ((work.second, work.kept), (work.kept[:18], work.second[:18], work.kept)):
        found = known.ask("owner", "GET", of(*ids)).json()
        assert {line["id"] for line in found["trainings"]} == {work.second, work.kept}
    both = known.ask("owner", "GET", of(work.second, work.session)).json()
    assert {line["id"] for line in both["trainings"]} == {work.first, work.second}


def test_the_past_is_compared(known: People, work: Work):
    path = of(work.session, as_of=work.before)
    answer = known.ask("owner", "GET", path)
    assert [line["id"] for line in answer.json()["trainings"]] == [work.first]
    assert answer.headers["AutoLearn-Position"] == work.before
    for one in (work.experiment, work.kept):  # it was an open session without a training
        found = known.ask("owner", "GET", of(one, as_of=work.before)).json()
        assert [one["kind"] for one in found["owners"]] == ["session"]
        assert found["trainings"] == []
    later = known.session().rpartition("/")[2]
    answer = known.ask("owner", "GET", of(later, as_of=work.before))
    problem(answer, 404, "session-unknown", "its first event came at")


def test_what_one_may_not_read_is_not_compared(known: People, work: Work):
    assert known.ask("reader", "GET", of(work.session)).status_code == 200
    assert known.ask("reader", "GET", of(work.first)).status_code == 200
    kind = "session-or-training-unknown"
    for who, one in (("reader", work.experiment), ("reader", work.kept), ("other", work.session),
                     ("other", work.first), ("sysadmin", work.first)):  # fmt: skip
        problem(known.ask(who, "GET", of(one)), 404, kind, f"begins with {one}")
        both = known.ask(who, "GET", of(one, str(uuid.uuid4())))
        assert both.status_code == 404
    problem(known.ask("sysadmin", "GET", of(work.session)), 403, "forbidden", "confidential")
    problem(known.ask("reader", "GET", of(work.session, work.experiment)), 404, kind)


def test_what_is_wrong_is_said(known: People, work: Work):
    problem(known.ask("owner", "GET", "/v1/compare"), 422, "invalid-request", "of")
    problem(known.ask("owner", "GET", of(*[work.session] * 101)), 422, "invalid-request", "100")
    problem(known.ask("owner", "GET", of("no id")), 422, "malformed-id", "session, experiment or")
    problem(known.ask("owner", "GET", of(work.session, sort="f2")), 422, "unknown-metric", "f1")
    ended = known.session()
    assert known.ask("owner", "POST", f"{ended}/discard").status_code == 200
    gone = known.ask("owner", "GET", of(ended.rpartition("/")[2]))
    problem(gone, 404, "session-or-training-unknown")


def test_a_session_without_trainings_is_compared_too(known: People):
    session = known.session("empty").rpartition("/")[2]
    found = known.ask("owner", "GET", of(session)).json()
    assert (found["trainings"], found["metrics"]) == ([], [])

"""Prefer (RFC 7240): wait for the end, for the decision, or for nothing but the log."""

import re
import threading
import time
import uuid

import httpx

from tests.support.api_assertions import problem

SLOW = {
    "estimator": "gradient-boosting",
    "dataset": "digits",
    "hyperparameters": {"n_estimators": 100_000},
}
QUICK = {"estimator": "naive-bayes", "dataset": "iris"}


def answered(http: httpx.Client, at: str) -> dict[str, object]:
    """Follow the Location of a 202 until the command is answered."""
    deadline = time.monotonic() + 20
    while (state := http.get(at).json())["state"] == "pending":
        assert time.monotonic() < deadline
    return state


def test_respond_async_answers_before_the_decision(http: httpx.Client):
    answer = http.post("/v1/sessions", headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    at = answer.headers["location"]
    assert re.fullmatch(r"/v1/commands/[0-9a-f-]{36}\?partition=\d+&offset=\d+", at)
    state = answered(http, at)
    assert state["state"] == "accepted"
    assert http.get(str(state["resource"])).status_code == 200


def test_respond_async_of_a_run_leads_to_the_run(http: httpx.Client, session: str):
    headers = {"Prefer": "respond-async"}
    answer = http.post(f"{session}/trainings", json=QUICK, headers=headers)
    state = answered(http, answer.headers["location"])
    run = http.get(str(state["resource"]), headers={"Prefer": "wait=60"})
    assert run.json()["status"] == "completed"
    assert run.headers["preference-applied"] == "wait=60"


def test_a_refusal_is_found_where_respond_async_leads(http: httpx.Client, session: str):
    answer = http.post(f"{session}/commit", headers={"Prefer": "respond-async"})
    state = answered(http, answer.headers["location"])
    assert state["state"] == "refused"
    assert state["problem"]["type"] == "urn:autolearn:problem:nothing-to-commit"
    assert state["resource"] is None


def test_a_command_ahead_of_the_log_is_pending_and_others_are_unknown(http: httpx.Client):
    at = f"/v1/commands/{uuid.uuid4()}"
    http.post("/v1/sessions")
    ahead = http.get(f"{at}?partition=0&offset=1000000000")
    assert (ahead.status_code, ahead.json()["state"]) == (200, "pending")
    first = http.get("/v1/position").json()["partitions"][0]["last"]
    assert first >= 0
    problem(http.get(f"{at}?partition=0&offset=0"), 404, "command-unknown")
    problem(http.get(f"{at}?partition=99&offset=0"), 404, "command-unknown")
    problem(http.get(at), 404, "command-unknown")


def test_without_a_preference_a_run_is_answered_when_it_is_accepted(
    http: httpx.Client, session: str
):
    answer = http.post(f"{session}/trainings", json=SLOW)
    assert answer.status_code == 201
    assert answer.json()["ended"] is None
    assert "preference-applied" not in answer.headers
    http.post(f"{session}/discard")


def test_a_wait_that_is_too_short_answers_with_the_present_state(http: httpx.Client, session: str):
    began = time.monotonic()
    answer = http.post(f"{session}/trainings", json=SLOW, headers={"Prefer": "wait=1"})
    assert 1 <= time.monotonic() - began < 10
    assert answer.status_code == 202
    assert answer.json()["status"] in ("open", "started")
    assert answer.headers["location"].startswith(f"{session}/trainings/")
    seen = http.get(answer.headers["location"], headers={"Prefer": "wait=1"})
    assert (seen.status_code, seen.json()["ended"]) == (200, None)
    http.post(f"{session}/discard")


def test_who_waits_hears_at_once_that_a_run_was_cancelled(http: httpx.Client, session: str):
    at = http.post(f"{session}/trainings", json=SLOW).headers["location"]
    waiting: list[httpx.Response] = []

    def wait() -> None:
        waiting.append(
            httpx.get(f"{http.base_url}{at}", headers={"Prefer": "wait=120"}, timeout=130)
        )

    thread = threading.Thread(target=wait)
    thread.start()
    http.post(f"{at}/cancel")
    thread.join(30)
    assert waiting[0].json()["status"] == "cancelled"


def test_preferences_that_are_not_understood_do_not_count(http: httpx.Client):
    answer = http.post("/v1/sessions", headers={"Prefer": "wait=soon, handling=lenient"})
    assert answer.status_code == 201
    assert "preference-applied" not in answer.headers

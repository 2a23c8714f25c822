"""The log over HTTP: events, position, digests, metrics."""

import threading
import time

import httpx

from autolearn.projections.views import VIEWS
from tests.api.conftest import System
from tests.support.api_assertions import position, problem


def test_events_are_listed_once_each_in_pages_that_any_process_gives(system: System):
    at = position(system.http)
    opened = [system.http.post("/v1/sessions").json()["id"] for _ in range(7)]
    seen, clients = [], [system.http, system.other]
    more, token = True, at
    while more:
        page = clients[len(seen) % 2].get("/v1/events", params={"after": token, "limit": 3}).json()
        seen += [event["subject"] for event in page["items"]]
        more, token = page["more"], page["next"]
    assert [subject for subject in seen if subject.partition("/")[2] in opened] == [
        f"session/{session}" for session in opened
    ]


def test_events_are_cloudevents(http: httpx.Client):
    at = position(http)
    session = http.post("/v1/sessions", json={"title": "told"}).json()
    event = http.get("/v1/events", params={"after": at}).json()["items"][-1]
    assert event["specversion"] == "1.0"
    assert event["type"] == "autolearn.SessionOpened.v1"
    assert event["subject"] == f"session/{session['id']}"
    assert event["data"] == {"title": "told"}


def test_who_waits_for_events_gets_them_as_they_come(http: httpx.Client):
    at, told = position(http), []

    def wait() -> None:
        asked = {"after": at}
        url, headers = f"{http.base_url}/v1/events", {"Prefer": "wait=60"}
        told.append(httpx.get(url, params=asked, headers=headers, timeout=70).json())

    thread = threading.Thread(target=wait)
    thread.start()
    session = http.post("/v1/sessions").json()["id"]
    thread.join(30)
    assert f"session/{session}" in {event["subject"] for event in told[0]["items"]}


def test_there_are_no_events_past_the_end(http: httpx.Client):
    page = http.get("/v1/events", params={"after": position(http)}).json()
    assert (page["items"], page["more"]) == ([], False)
    problem(http.get("/v1/events?after=x"), 422, "bad-position", "x")


def test_two_processes_know_the_same(system: System):
    deadline = time.monotonic() + 20
    while True:
        digests = [client.get("/v1/digests").json() for client in (system.http, system.other)]
        if digests[0]["position"] == digests[1]["position"]:
            break
        assert time.monotonic() < deadline
    assert digests[0]["views"] == digests[1]["views"]
    assert set(digests[0]["views"]) == set(VIEWS)
    system.http.post("/v1/sessions")
    after = system.http.get("/v1/digests").json()["views"]
    assert after["sessions"] != digests[0]["views"]["sessions"]
    assert after["catalog"] == digests[0]["views"]["catalog"]


def test_prometheus_gets_requests_by_route_and_the_position(http: httpx.Client):
    session = http.post("/v1/sessions").json()["id"]
    http.get(f"/v1/sessions/{session}")
    text = http.get("/metrics").text
    route = (
        'autolearn_http_requests_total{method="GET",route="/v1/sessions/{session}",status="200"}'
    )
    assert route in text
    assert session not in text
    assert 'autolearn_decisions_total{type="autolearn.SessionOpened.v1"}' in text
    assert 'autolearn_position{partition="0"}' in text
    assert "autolearn_http_request_duration_seconds_bucket" in text
    assert 'autolearn_command_duration_seconds_count{answer="accepted"}' in text

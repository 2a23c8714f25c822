"""An API process that is asked for too much: it says so, at once, and loses nothing."""

import concurrent.futures
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from autolearn.client.sdk.client import AutoLearn
from tests.api.system.test_process import environment
from tests.support.api_assertions import problem
from tests.support.api_processes import Api, Process
from tests.support.waiting import until

LIMIT = 20
ASYNC = {"Prefer": "respond-async"}


@contextmanager
def api_alone(folder: Path, kafka: str, **settings: object) -> Iterator[tuple[Api, httpx.Client]]:
    """An API process without deciders; `environment` tells how to start them."""
    given = {f"AUTOLEARN_{name.upper()}": str(value) for name, value in settings.items()}
    kept = environment(folder, kafka) | {"AUTOLEARN_PARTITIONS": "1"} | given
    kept["AUTOLEARN_SESSION_TIMEOUT"] = "2"
    with Api(folder, kept, instance="0") as api, api.client() as http:
        api.environment = kept
        yield api, http


@contextmanager
def deciders(api: Api, folder: Path) -> Iterator[Process]:
    process = Process(folder, "decide", api.environment, "autolearn.agents", "decide")
    try:
        yield process
    finally:
        process.stop()


def figure(http: httpx.Client, name: str) -> float:
    lines = http.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_without_deciders_the_queue_ends_somewhere_and_goes_on_with_them(
    kafka: str, tmp_path: Path
):
    with api_alone(tmp_path, kafka, max_undecided=LIMIT) as (api, http):
        answers = [http.post("/v1/sessions", headers=ASYNC) for _ in range(3 * LIMIT)]
        accepted = [a.headers["location"] for a in answers if a.status_code == 202]
        refused = [a for a in answers if a.status_code != 202]
        assert LIMIT <= len(accepted) <= LIMIT + 1  # one more is the probe
        for answer in refused:
            problem(answer, 503, "deciders-behind", "Nothing was sent")
            assert int(answer.headers["retry-after"]) >= 1
        assert figure(http, "autolearn_undecided") == len(accepted)
        assert http.get("/v1/sessions").status_code == 200
        assert http.get("/health/ready").status_code == 200
        with deciders(api, tmp_path):
            with AutoLearn(api.url) as client:  # it waits as long as it is told to
                assert client.sessions.open("patient").id
            until(lambda: figure(http, "autolearn_undecided") == 0)
            states = [http.get(location).json()["state"] for location in accepted]
            assert states == ["accepted"] * len(accepted)
            assert len(http.get("/v1/sessions?limit=500").json()["items"]) == len(accepted) + 1


def test_one_request_too_many_is_told_to_come_back(kafka: str, tmp_path: Path):
    with (
        api_alone(tmp_path, kafka, max_waiting=5) as (api, http),
        concurrent.futures.ThreadPoolExecutor(5) as pool,
    ):
        key = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=60"}
        waiting = [
            pool.submit(httpx.post, f"{api.url}/v1/sessions", headers=key, timeout=90)
            for _ in range(5)
        ]
        until(lambda: figure(http, 'autolearn_waiting_requests{sort="change"}') == 5)
        refused = http.post("/v1/sessions")
        assert not any(one.done() for one in waiting), "it is told so at once"
        problem(refused, 429, "too-many-requests", "5 requests", "Nothing was done")
        assert int(refused.headers["retry-after"]) >= 1
        assert http.get("/v1/sessions").status_code == 200, "those that read have a place"
        until(lambda: figure(http, "autolearn_undecided") == 1)  # it was sent once
        with deciders(api, tmp_path):
            answers = [one.result() for one in waiting]
            assert {(a.status_code, a.json()["id"]) for a in answers} == {
                (201, answers[0].json()["id"])
            }
            assert http.post("/v1/sessions").status_code == 201


def test_the_bodies_of_all_requests_together_are_bounded(kafka: str, tmp_path: Path):
    with api_alone(tmp_path, kafka, max_pending=65536) as (api, http):
        refused = http.post("/v1/sessions", json={"title": "x" * 70_000})
        problem(refused, 429, "too-many-requests", "holds no more")
        until(lambda: figure(http, "autolearn_waiting_bytes") == 0)
        host, _, port = api.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(
                b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"
            )
            slow.sendall(b" " * 50_000)
            until(lambda: figure(http, "autolearn_waiting_bytes") == 50_000)
            refused = http.post("/v1/sessions", json={"title": "x" * 20_000})
            problem(refused, 429, "too-many-requests", "50,000 bytes")
            problem(http.post("/v1/sessions", json={"x": 1}), 422, "invalid-body")
        until(lambda: figure(http, "autolearn_waiting_bytes") == 0)


def test_followers_are_bounded(kafka: str, tmp_path: Path):
    count = 3
    accept = {"Accept": "text/event-stream"}
    with api_alone(tmp_path, kafka, max_followers=count) as (api, http):
        streams = [httpx.stream("GET", f"{api.url}/v1/events", headers=accept) for _ in range(4)]
        for stream in streams[:count]:
            assert stream.__enter__().status_code == 200
        until(lambda: figure(http, "autolearn_sse_clients") == count)
        with streams[count] as answer:
            answer.read()
            problem(answer, 429, "too-many-requests", "ask another process")
            assert answer.headers["retry-after"]
        streams[0].__exit__(None, None, None)
        until(lambda: figure(http, "autolearn_sse_clients") == count - 1)
        with httpx.stream("GET", f"{api.url}/v1/events", headers=accept) as answer:
            assert answer.status_code == 200
        for stream in streams[1:count]:
            stream.__exit__(None, None, None)

"""One API process: how it starts, what it says about itself, how it ends."""

import json
import os
import shutil
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.projection import FORMAT_KEY
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.storage.store import key, prefix_of
from autolearn.schemas.codec import encode, to_json
from autolearn.schemas.settings import load
from autolearn.schemas.topics import Topics
from tests.api.conftest import System
from tests.eventlog.test_admission import answer, started
from tests.support.api_assertions import problem
from tests.support.api_processes import Api, Process
from tests.support.cli_processes import autolearn
from tests.support.settings import FEW_PARTITIONS, variables_of
from tests.support.waiting import until


def environment(folder: Path, kafka: str) -> dict[str, str]:
    return {
        "AUTOLEARN_HOME": str(folder),
        "AUTOLEARN_KAFKA": kafka,
        "AUTOLEARN_TOPIC_PREFIX": f"one-{uuid.uuid4().hex[:8]}",
        **variables_of(**FEW_PARTITIONS),
    }


def listening(api: Api, folder: Path) -> str:
    """The address of a process that is not ready: from its log."""
    found: list[str] = []

    def there() -> bool:
        lines = [line for line in api.log.read_text().splitlines() if "listening" in line]
        found.extend(line.rpartition("url=")[2].split()[0] for line in lines)
        return bool(found)

    until(there)
    return found[0]


def verify(settings: dict[str, str], *urls: str) -> tuple[int, dict[str, Any], str]:
    """Verify API processes: the exit code, the result, and what went wrong."""
    ours = {name.removeprefix("AUTOLEARN_").lower(): value for name, value in settings.items()}
    asked = (word for url in urls for word in ("--url", url))
    said = autolearn("replay", "verify", "-o", "json", *asked, **ours)
    return said.code, json.loads(said.out) if said.out else {}, said.err


@pytest.mark.long
def test_health_follows_the_broker(tmp_path: Path):
    with EmbeddedBroker(install(), tmp_path / "kafka") as broker:
        settings = environment(tmp_path, broker.bootstrap)
        settings |= {"AUTOLEARN_DECISION_TIMEOUT": "1", "AUTOLEARN_SESSION_TIMEOUT": "3"}
        decider = Process(tmp_path, "decide", settings, "autolearn.agents", "decide")
        try:
            with Api(tmp_path, settings, instance="0") as api, api.client() as http:
                decider.ready()
                at = http.post("/v1/sessions").headers["location"]
                assert http.get("/health/ready").json() == {
                    "status": "ready",
                    "detail": "",
                    "missing": 0,
                }
                broker.kill()
                until(lambda: http.get("/health/ready").status_code == 503)
                assert http.get("/health/ready").json()["status"] == "log-unavailable"
                assert http.get("/health/live").status_code == 200
                assert http.get(at).status_code == 200
                began = time.monotonic()
                refused = http.post("/v1/sessions")
                assert time.monotonic() - began < 3
                problem(refused, 503, "log-unavailable", "nothing was sent")
                assert int(refused.headers["retry-after"]) >= 1
                broker.start()
                until(lambda: http.get("/health/ready").status_code == 200)
                until(lambda: http.post("/v1/sessions").status_code == 201)
        finally:
            decider.stop()


def test_without_a_broker_it_lives_is_not_ready_and_stops_when_told(tmp_path: Path):
    with Api(tmp_path, environment(tmp_path, "127.0.0.1:1"), instance="0") as api:
        url = listening(api, tmp_path)
        assert httpx.get(f"{url}/health/live").status_code == 200
        ready = httpx.get(f"{url}/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "starting")
        answer = httpx.get(f"{url}/v1/sessions")
        problem(answer, 503, "not-ready")
        assert answer.headers["retry-after"]
        began = time.monotonic()
        assert api.stop() == 0
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_it_stops_in_good_order(kafka: str, tmp_path: Path, number: int):
    with Api(tmp_path, environment(tmp_path, kafka), instance="0") as api:
        api.client().close()
        os.kill(api.popen.pid, number)
        assert api.popen.wait(10) == 0


def test_what_is_on_the_log_and_is_none_ends_nothing(kafka: str, tmp_path: Path):
    """Neither what is no event, nor no record of the behaviour log, no heartbeat and no key."""
    settings = environment(tmp_path, kafka)
    topics = Topics.of(load(settings))
    with Api(tmp_path, settings, instance="0") as api, api.client() as http:
        log = KafkaLog(kafka)
        for topic in (topics.events, topics.audit, topics.workers, topics.keys):
            for value in (b"nonsense", None, b"", b"[" * 9000, b"9" * 9000, b"{}"):
                log.append(topic.name, value, key="x", partition=0)
        log.close()
        until(lambda: "only AutoLearn may write to this topic" in api.log.read_text())
        at = {"as_of": http.get("/v1/position").json()["token"]}
        for path in ("/v1/status", "/v1/audit", "/v1/events", "/v1/sessions"):
            for query in ({}, at if path == "/v1/sessions" else {}):
                assert http.get(path, params=query).status_code == 200, path
        assert api.popen.poll() is None


def test_one_process_per_name(system: System):
    with Api(system.folder, system.environment, instance="0") as api:
        assert api.popen.wait(20) == 4
    assert "AUTOLEARN_INSTANCE" in api.log.read_text()


@pytest.fixture(scope="module")
def left(system: System) -> Iterator[tuple[Path, str]]:
    """What a process that has ended has left behind, instance 4, and a session that is in it."""
    session = system.http.post("/v1/sessions").json()["id"]
    with Api(system.folder, system.environment, instance="4") as api, api.client() as http:
        assert http.get(f"/v1/sessions/{session}").status_code == 200
    assert api.popen.returncode == 0
    views = system.folder / "home" / "state" / "api-4" / "views"
    yield views, session
    shutil.rmtree(views)


def test_rows_that_are_not_what_the_log_says_are_found_by_key(
    system: System, left: tuple[Path, str]
):
    views, session = left
    store = RocksStore(views)
    tampered = next(at for at, _ in store.scan(prefix_of("metric")))
    store.write({tampered: None, b"metric\0zz": b"{}", f"session\0{session}".encode(): b"{}"})
    store.close()
    with Api(system.folder, system.environment, instance="4") as api, api.client() as http:
        code, result, words = verify(system.environment, api.url, system.second.url)
        problem(http.get("/v1/digests/nothing"), 404, "unknown-view", "catalog")
        problem(http.get("/v1/digests/catalog?after=x"), 422, "malformed-key", "next")
    assert (code, result["equal"]) == (1, False), words
    found = {process["process"]: process for process in result["processes"]}
    assert found["api-1"]["url"] == system.second.url
    assert found["api-1"]["digests"] == found["api-1"]["served"]
    assert (found["api-1"]["differs"], found["api-1"]["rows"]) == ([], [])
    assert found["api-4"]["differs"] == ["catalog", "sessions"]
    assert {row["key"]: row["how"] for row in found["api-4"]["rows"]} == {
        tampered.decode().replace("\0", "/"): "missing in what is served",
        "metric/zz": "not from the log",
        f"session/{session}": "other content",
    }


def test_a_damaged_store_is_rebuilt_with_the_same_content(system: System, left: tuple[Path, str]):
    (left[0] / "CURRENT").write_text("nonsense")
    with Api(system.folder, system.environment, instance="4") as api, api.client() as http:
        assert "rebuilt from the log" in api.log.read_text()
        ours, theirs = http.get("/v1/digests").json(), system.http.get("/v1/digests").json()
        assert ours["position"] == theirs["position"]
        assert ours["views"] == theirs["views"]


def test_processes_that_serve_what_the_log_says(system: System):
    code, result, words = verify(system.environment, system.first.url, system.second.url)
    assert (code, result["equal"]) == (0, True), words
    assert sorted(process["process"] for process in result["processes"]) == ["api-0", "api-1"]


def test_a_process_that_does_not_answer_is_named(system: System):
    code, result, words = verify(system.environment, system.first.url, "http://127.0.0.1:1")
    assert (code, result) == (3, {})
    assert "http://127.0.0.1:1" in words


@pytest.mark.long
def test_a_log_that_this_version_cannot_read_is_not_verified(kafka: str, tmp_path: Path):
    settings = environment(tmp_path, kafka)
    topic = f"{settings['AUTOLEARN_TOPIC_PREFIX']}.events"
    odd = replace(answer(0, -1, 1, "odd"), type="autolearn.SessionHeld.v1")
    with Api(tmp_path, settings, instance="0") as api:
        api.client().close()
    log = KafkaLog(kafka)
    for record in (started(1), odd):
        log.append(topic, encode(record), key="x", partition=0)
    log.close()
    with closing(RocksStore(tmp_path / "state" / "api-0" / "views")) as store:
        # As a newer version, which knows the event, has left it.
        reached = to_json(PartitionProgress(2, 1, 0, "odd"))
        store.write({FORMAT_KEY: ReadModels.format, key("progress", 0): reached})
    with Api(tmp_path, settings, instance="0") as api:
        api.client().close()
        code, result, words = verify(settings, api.url)
    assert (code, result) == (5, {})
    assert "'autolearn.SessionHeld.v1'" in words
    assert f"offset 1 of partition 0 of {topic}" in words


@pytest.mark.long
def test_services_apart(system: System):
    options = ("--services", "catalog,storage")
    with (
        Api(system.folder, system.environment, *options, instance="3") as api,
        api.client() as http,
    ):
        assert http.get("/v1/catalog/estimators").status_code == 200
        assert http.get("/v1/experiments").status_code == 200
        assert http.get("/health/ready").status_code == 200
        problem(http.get("/v1/sessions"), 404, "no-such-route", "some of the services")
        assert "/v1/sessions" not in http.get("/openapi.json").json()["paths"]


def test_an_unknown_service(tmp_path: Path):
    with Api(tmp_path, {}, "--services", "catalog,cooking", instance="0") as api:
        assert api.popen.wait(20) == 2
    assert "there is no service cooking" in api.log.read_text()


@pytest.mark.kafka
def test_what_a_killed_process_was_sending_is_gone_when_it_starts_again(tmp_path: Path, kafka: str):
    left = tmp_path / "state" / "api-0" / "scratch" / "tmp1" / "model.skops"
    left.parent.mkdir(parents=True)
    left.write_text("in clear")
    with Api(tmp_path, environment(tmp_path, kafka), instance="0") as api, api.client():
        assert not left.exists()
        assert left.parents[1].stat().st_mode & 0o777 == 0o700

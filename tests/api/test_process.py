"""One API process: how it starts, what it says about itself, how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from autolearn.eventlog.embedded import EmbeddedBroker
from autolearn.eventlog.kafka import KafkaLog
from autolearn.projections.store import RocksStore, prefix_of
from tests.api.asserting import problem
from tests.api.conftest import System
from tests.api.processes import Api, Process


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Ask until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def environment(folder: Path, kafka: str) -> dict[str, str]:
    return {
        "AUTOLEARN_HOME": str(folder),
        "AUTOLEARN_KAFKA": kafka,
        "AUTOLEARN_TOPIC_PREFIX": f"one-{uuid.uuid4().hex[:8]}",
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


def test_health_follows_the_broker(tmp_path: Path):
    with EmbeddedBroker(tmp_path / "kafka") as broker:
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
                assert time.monotonic() - began < 1
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_good_order(kafka: str, tmp_path: Path, number: int):
    with Api(tmp_path, environment(tmp_path, kafka), instance="0") as api:
        api.client().close()
        os.kill(api.popen.pid, number)
        assert api.popen.wait(10) == 0


def test_it_fails_stop_on_an_event_that_is_none(kafka: str, tmp_path: Path):
    settings = environment(tmp_path, kafka)
    with Api(tmp_path, settings, instance="0") as api:
        api.client().close()
        log = KafkaLog(kafka)
        log.append(f"{settings['AUTOLEARN_TOPIC_PREFIX']}.events", b"nonsense", key="x")
        log.close()
        assert api.popen.wait(15) == 70
        assert "Only AutoLearn may write to this topic" in api.log.read_text()


def test_one_process_per_name(system: System):
    with Api(system.folder, system.environment, instance="0") as api:
        assert api.popen.wait(20) == 4
    assert "AUTOLEARN_INSTANCE" in api.log.read_text()


def test_a_damaged_store_is_rebuilt_with_the_same_content(system: System):
    views = system.folder / "home" / "state" / "api-2" / "views"
    with Api(system.folder, system.environment, instance="2") as api, api.client() as http:
        http.get("/v1/position")
    assert api.popen.returncode == 0
    (views / "CURRENT").write_text("nonsense")
    with Api(system.folder, system.environment, instance="2") as api, api.client() as http:
        assert "rebuilt from the log" in api.log.read_text()
        ours, theirs = http.get("/v1/digests").json(), system.http.get("/v1/digests").json()
        assert ours["position"] == theirs["position"]
        assert ours["views"] == theirs["views"]
    shutil.rmtree(views)


def test_rows_that_are_not_what_the_log_says_are_found_by_key(system: System):
    session = system.http.post("/v1/sessions").json()["id"]
    views = system.folder / "home" / "state" / "api-4" / "views"
    with Api(system.folder, system.environment, instance="4") as api, api.client() as http:
        assert http.get(f"/v1/sessions/{session}").status_code == 200
    assert api.popen.returncode == 0
    store = RocksStore(views)
    tampered = next(at for at, _ in store.scan(prefix_of("metric")))
    store.write({tampered: None, b"metric\0zz": b"{}", f"session\0{session}".encode(): b"{}"})
    store.close()
    with Api(system.folder, system.environment, instance="4") as api, api.client() as http:
        tool = (sys.executable, "-m", "autolearn.projections.replay", "verify", "--json")
        said = subprocess.run(
            (*tool, "--url", api.url),
            env={**os.environ, **system.environment},
            capture_output=True,
            check=False,
        )
        problem(http.get("/v1/digests/nothing"), 404, "unknown-view", "catalog")
        problem(http.get("/v1/digests/catalog?after=x"), 422, "malformed-key", "next")
    assert said.returncode == 1, said.stderr
    result = json.loads(said.stdout.splitlines()[-1])["result"]
    assert result["differs"] == ["catalog", "sessions"]
    assert {row["key"]: row["how"] for row in result["rows"]} == {
        tampered.decode().replace("\0", "/"): "missing in what is served",
        "metric/zz": "not from the log",
        f"session/{session}": "other content",
    }
    shutil.rmtree(views)


def test_services_apart(system: System):
    options = ("--services", "catalog,storage")
    with (
        Api(system.folder, system.environment, *options, instance="3") as api,
        api.client() as http,
    ):
        assert http.get("/v1/models").status_code == 200
        assert http.get("/v1/experiments").status_code == 200
        assert http.get("/health/ready").status_code == 200
        problem(http.get("/v1/sessions"), 404, "no-such-route", "some of the services")
        assert "/v1/sessions" not in http.get("/openapi.json").json()["paths"]


def test_an_unknown_service(tmp_path: Path):
    with Api(tmp_path, {}, "--services", "catalog,cooking", instance="0") as api:
        assert api.popen.wait(20) == 2
    assert "there is no service cooking" in api.log.read_text()

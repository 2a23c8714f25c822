"""An API process that loses its broker: it tells, it goes on with reads, and it comes back."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.embedded.probe import free_ports
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.security.master_keys import MasterKey
from tests.api.system.test_process import environment, listening
from tests.support import log_checker
from tests.support.api_assertions import problem
from tests.support.api_processes import Api, Process
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

BOUND = 6.0
"""Seconds within which everything is answered, whatever became of the broker."""


class Bench:
    """A broker of its own, deciders, and one API process."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.broker = stack.enter_context(EmbeddedBroker(install(), folder / "kafka"))
        self.environment = environment(folder, self.broker.bootstrap) | {
            "AUTOLEARN_SESSION_TIMEOUT": "10",
            "AUTOLEARN_APPEND_TIMEOUT": "2",
            "AUTOLEARN_PARTITIONS": "2",
            "AUTOLEARN_MASTER_KEY": MasterKey.new().text(),
        }
        decider = Process(folder, "decide", self.environment, "autolearn.agents", "decide")
        stack.callback(decider.stop)
        self.decider = decider
        clear = self.environment | {"AUTOLEARN_ENCRYPTION": "off"}
        self.api = stack.enter_context(Api(folder, clear, instance="0"))
        self.http = stack.enter_context(self.api.client())
        decider.ready()

    def records(self, topic: str) -> log_checker.Topic:
        name = f"{self.environment['AUTOLEARN_TOPIC_PREFIX']}.{topic}"
        return log_checker.read_topic(self.broker.bootstrap, name)

    def health(self) -> str:
        answer = self.http.get("/health/ready")
        status: str = answer.json()["status"]
        assert (status == "ready") == (answer.status_code == 200)
        return status


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path_factory.mktemp("lost"), stack)


def halted(pid: int) -> bool:
    """Whether no thread of a process runs any more."""
    states = [
        (thread / "stat").read_text().rpartition(")")[2].split()[0]
        for thread in Path(f"/proc/{pid}/task").iterdir()
    ]
    return set(states) == {"T"}


@contextmanager
def stopped(broker: EmbeddedBroker) -> Iterator[None]:
    """The broker answers nothing, and its connections stay open."""
    os.kill(broker.pid, signal.SIGSTOP)
    until(lambda: halted(broker.pid))  # a thread that still runs may acknowledge an append
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


@contextmanager
def killed(broker: EmbeddedBroker) -> Iterator[None]:
    """The broker is gone, and its port with it."""
    broker.kill()
    try:
        yield
    finally:
        broker.start()


@pytest.mark.parametrize("lost", [pytest.param(stopped, marks=pytest.mark.long), killed])
def test_writes_are_refused_reads_go_on_and_all_comes_back(bench: Bench, lost):
    http = bench.http
    until(lambda: http.post("/v1/sessions").status_code == 201)
    until(lambda: bench.health() == "ready")
    before = http.post("/v1/sessions", json={"title": "before"}).json()
    at = f"/v1/sessions/{before['id']}"
    assert not {"age", "cache-status"} & set(http.get(at).headers)
    keys, refused = [str(uuid.uuid4()) for _ in range(12)], []

    def post(key: str) -> httpx.Response:
        return http.post("/v1/sessions", headers={"Idempotency-Key": key})

    with lost(bench.broker):
        for key in keys:
            began = time.monotonic()
            answer = post(key)
            assert time.monotonic() - began < BOUND
            refused.append(answer.json()["type"].rpartition(":")[2])
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            shown = http.get(at)
            assert time.monotonic() - began < BOUND
            assert shown.json()["title"] == "before"
        until(lambda: bench.health() == "log-unavailable")
        assert refused[0] == "not-acknowledged"
        assert refused[-1] == "log-unavailable"
        until(lambda: "age" in http.get(at).headers)
        shown = http.get(at)
        assert int(shown.headers["age"]) >= 1
        assert shown.headers["cache-status"].startswith("AutoLearn; hit; ttl=-")
        assert shown.headers["cache-status"].endswith("; detail=log-unavailable")
        assert http.get("/health/live").status_code == 200
        began = time.monotonic()
        gone = http.get(f"/v1/sessions/{uuid.uuid4()}")
        assert (gone.status_code, "age" in gone.headers) == (404, True)
        problem(http.get("/v1/events"), 503, "log-unavailable", "read from it")
        problem(http.get(f"{at}?as_of=2026-01-01T00:00:00Z"), 503, "log-unavailable")
        problem(post(keys[0]), 503, "not-acknowledged", "same Idempotency-Key")
        unkeyed = http.post("/v1/sessions")
        problem(unkeyed, 503, "log-unavailable", "nothing was sent")
        assert time.monotonic() - began < 2 * BOUND

    until(lambda: bench.health() == "ready")
    assert "age" not in http.get(at).headers
    sessions = [again.json()["id"] for key in keys if (again := post(key)).status_code == 201]
    assert len(set(sessions)) == len(keys)
    commands, events = bench.records("commands"), bench.records("events")
    log_checker.check(commands, events)
    opened = [
        answer["subject"]
        for partition, records in events.items()
        for answer in log_checker.admitted(partition, records)[0]
        if answer["type"] == "autolearn.SessionOpened.v1"
    ]
    for session in (before["id"], *sessions):
        assert opened.count(f"session/{session}") == 1


@pytest.mark.long
def test_a_session_is_not_opened_without_its_key(bench: Bench, tmp_path: Path):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    with Api(tmp_path, bench.environment, instance="1") as api, api.client() as http:
        until(lambda: http.post("/v1/sessions").status_code == 201)
        keys = len(bench.records("keys")[0])
        with stopped(bench.broker):
            for words in (("key", "nothing was changed"), ()):
                began = time.monotonic()
                refused = http.post("/v1/sessions", headers=key)
                assert time.monotonic() - began < BOUND
                problem(refused, 503, "log-unavailable", *words)
        until(lambda: http.post("/v1/sessions", headers=key).status_code == 201)
        assert len(bench.records("keys")[0]) == keys + 1


def test_all_stop_when_they_are_told_to_also_without_a_broker(bench: Bench):
    until(lambda: bench.health() == "ready")
    with stopped(bench.broker):
        answer = bench.http.post("/v1/sessions")
        problem(answer, 503, "not-acknowledged", "/v1/commands/", "had no Idempotency-Key")
        began = time.monotonic()
        bench.decider.popen.send_signal(signal.SIGTERM)
        assert bench.api.stop() == 0
        assert bench.decider.popen.wait(20) == 0
        assert time.monotonic() - began < 15


@pytest.mark.long
def test_it_waits_for_brokers_that_are_not_there_yet(tmp_path: Path):
    (port,) = free_ports(1)
    settings = environment(tmp_path, f"127.0.0.1:{port}")
    with Api(tmp_path, settings, instance="0") as api:
        url = listening(api, tmp_path)
        until(lambda: "127.0.0.1" in httpx.get(f"{url}/health/ready").json()["detail"])
        health = httpx.get(f"{url}/health/ready")
        assert (health.status_code, health.json()["status"]) == (503, "starting")
        problem(httpx.get(f"{url}/v1/sessions"), 503, "not-ready", "waits for Kafka")
        problem(httpx.post(f"{url}/v1/sessions"), 503, "not-ready", "waits for Kafka")
        assert api.popen.poll() is None
        with EmbeddedBroker(install(), tmp_path / "kafka", port=port):
            with api.client() as http:
                assert http.get("/health/ready").status_code == 200
                assert http.get("/v1/sessions").json()["items"] == []
            assert api.stop() == 0
        assert api.log.read_text().count("waiting") == 1, "it is told once"


@pytest.mark.long
def test_a_number_of_partitions_that_is_wrong_is_not_waited_for(kafka: str, tmp_path: Path):
    settings = environment(tmp_path, kafka)
    with Api(tmp_path, settings, instance="0") as api:
        api.client().close()
    log = KafkaLog(kafka)
    wrong = settings | {"AUTOLEARN_PARTITIONS": "7"}
    with Api(tmp_path, wrong, instance="1") as api:
        assert api.popen.wait(20) == 70
    assert "the settings ask for 7" in api.log.read_text()
    log.close()

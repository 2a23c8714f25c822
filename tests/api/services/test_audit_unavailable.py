"""What cannot be recorded is not changed: a broker that takes no records, and one that is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.api.system.test_process import environment
from tests.support import log_checker
from tests.support.api_assertions import problem
from tests.support.api_processes import Api, Process
from tests.support.waiting import until

pytestmark = pytest.mark.kafka


class Bench:
    """A decider and an API process, on topics of their own."""

    def __init__(self, folder: Path, kafka: str, stack: ExitStack, **settings: str) -> None:
        self.kafka = kafka
        self.environment = environment(folder, kafka) | {
            "AUTOLEARN_APPEND_TIMEOUT": "2",
            **settings,
        }
        self.prefix = self.environment["AUTOLEARN_TOPIC_PREFIX"]
        decider = Process(folder, "decide", self.environment, "autolearn.agents", "decide")
        stack.callback(decider.stop)
        self.api = stack.enter_context(Api(folder, self.environment, instance="0"))
        self.http = stack.enter_context(self.api.client())
        decider.ready()

    def records(self, topic: str) -> int:
        found = log_checker.read_topic(self.kafka, f"{self.prefix}.{topic}")
        return sum(map(len, found.values()))

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """The broker refuses every record of the behaviour log: they are too large for it."""
        self.configure("max.message.bytes", "60")
        try:
            yield
        finally:
            self.configure("max.message.bytes", "8388608")

    def configure(self, name: str, value: str) -> None:
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        topic = ConfigResource(
            ResourceType.TOPIC, f"{self.prefix}.audit", incremental_configs=[entry]
        )
        admin = AdminClient({"bootstrap.servers": self.kafka})
        for future in admin.incremental_alter_configs([topic]).values():
            future.result(10)


@pytest.fixture(scope="module")
def bench(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path_factory.mktemp("unavailable"), kafka, stack)


def opened(http: httpx.Client) -> httpx.Response:
    return http.post("/v1/sessions", headers={"Idempotency-Key": "again"})


def test_what_cannot_be_recorded_is_not_changed_and_reads_go_on(bench: Bench):
    http = bench.http
    assert http.post("/v1/sessions").status_code == 201
    with bench.refusing():
        until(lambda: http.get("/health/ready").json()["status"] == "audit-unavailable")
        before = bench.records("commands")
        for _ in range(5):
            answer = opened(http)
            problem(answer, 503, "audit-unavailable", "recorded", "Nothing was done")
            assert int(answer.headers["retry-after"]) >= 1
        assert http.put("/v1/catalog/datasets/x", content="a,b\n1,2\n").status_code == 503
        assert http.get("/v1/sessions").status_code == 200
        health = http.get("/health/ready")
        assert (health.status_code, health.json()["status"]) == (503, "audit-unavailable")
        assert "Reads go on" in health.json()["detail"]
        assert http.get("/health/live").status_code == 200
        assert bench.records("commands") == before
        refused = http.get("/v1/audit?source=memory&outcome=failed").json()["items"]
        told = [hop["method"] for hop in refused if hop.get("problem") == "audit-unavailable"]
        assert sorted(told) == [*["POST"] * 5, "PUT"]
        metrics = http.get("/metrics").text
        assert "\nautolearn_audit_available 0.0" in metrics
        assert "\nautolearn_audit_lost_total 0.0" not in metrics
    until(lambda: opened(http).status_code == 201)
    assert http.get("/health/ready").json()["status"] == "ready"
    assert "\nautolearn_audit_available 1.0" in http.get("/metrics").text


def test_the_first_that_cannot_be_recorded_is_not_said_to_be_done(bench: Bench):
    """It may have been done meanwhile: so the answer says how to ask for it again."""
    http = bench.http
    until(lambda: http.post("/v1/sessions").status_code == 201)
    keys = iter(range(1000))
    with bench.refusing():
        while True:  # the broker takes the change of its settings in a moment
            key = {"Idempotency-Key": f"first-{next(keys)}"}
            answer = http.post("/v1/sessions", headers=key)
            if answer.status_code != 201:
                break
        problem(answer, 503, "audit-unavailable", "same Idempotency-Key", "/v1/commands/")
    until(lambda: opened(http).status_code == 201)
    again = http.post("/v1/sessions", headers=key)
    assert again.status_code == 201
    listed = http.get("/v1/sessions?limit=500").json()["items"]
    assert [one["id"] for one in listed].count(again.json()["id"]) == 1


@pytest.mark.long
def test_it_can_be_switched_off(kafka: str, tmp_path: Path):
    with ExitStack() as stack:
        bench = Bench(tmp_path, kafka, stack, AUTOLEARN_AUDIT="off")
        answer = bench.http.post(
            "/v1/sessions", headers={"traceparent": f"00-{'1' * 32}-{'1' * 16}-01"}
        )
        assert answer.status_code == 201
        assert "traceparent" not in answer.headers
        problem(bench.http.get("/v1/audit"), 409, "audit-off", "AUTOLEARN_AUDIT is off")
        assert bench.records("audit") == 0

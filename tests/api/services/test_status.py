"""GET /v1/status of real processes, and what /metrics makes of it."""

import concurrent.futures
import re
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from autolearn.api.state.system_status import FRESH
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.schemas.prometheus import INSTRUMENTS
from tests.api.conftest import System
from tests.api.system.test_process import environment, listening
from tests.support.api_processes import Api, Process
from tests.support.waiting import until

pytestmark = pytest.mark.kafka


def test_everything_that_runs_is_in_it(system: System, http: httpx.Client):
    prefix = system.environment["AUTOLEARN_TOPIC_PREFIX"]
    http.post("/v1/sessions")
    until(lambda: http.get("/v1/status").json()["workers"])
    said = http.get("/v1/status").json()
    assert said["unknown"] == {}
    assert [broker["controller"] for broker in said["brokers"]] == [True]
    topics = {topic["name"]: topic for topic in said["topics"]}
    assert topics[f"{prefix}.commands"]["records"] > 0
    processes = {process["name"]: process for process in said["processes"]}
    assert set(processes) == {"api", "decide", "dispatch", "supervise", "monitor", "work"}
    for process in processes.values():
        assert len(process["members"]) == 1
        assert set(process["behind"]) == set(map(str, process["members"][0]["partitions"]))
    reached = http.get("/v1/position").json()["partitions"]
    terms = {(one["partition"], one["term"]) for one in said["terms"]}
    assert terms == {(one["partition"], one["term"]) for one in reached}
    assert all(one["holder"].startswith("decide-0-") for one in said["terms"])
    (worker,) = said["workers"]
    assert worker["kinds"] == ["training", "evaluation", "prediction", "study", "step"]
    assert {place["what"] for place in said["disk"]} >= {"home", "state"}


def test_what_a_worker_runs_is_in_it(http: httpx.Client, session: str):
    body = {
        "estimator": "random-forest",
        "dataset": "digits",
        "hyperparameters": {"n_estimators": 3000},
    }
    run = http.post(f"{session}/trainings", json=body).json()["id"]

    def runs() -> list[str]:
        workers = http.get("/v1/status").json()["workers"]
        return [one["run"] for worker in workers for one in worker["runs"]]

    until(lambda: run in runs())
    running = metrics(http)
    assert running["autolearn_runs", ("training", "running")] >= 1
    assert running["autolearn_slots", ("busy",)] >= 1
    http.post(f"{session}/trainings/{run}/cancel")
    until(lambda: run not in runs())
    after = metrics(http)
    assert after["autolearn_runs", ("training", "running")] == (
        running["autolearn_runs", ("training", "running")] - 1
    )
    ended = ("autolearn_runs_ended_total", ("training", "cancelled"))
    assert after[ended] == running.get(ended, 0) + 1


def test_many_who_ask_at_once_get_one_look(http: httpx.Client):
    first = http.get("/v1/status").json()["time"]
    until(lambda: http.get("/v1/status").json()["time"] != first)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: http.get("/v1/status").content, range(32)))
    assert len(set(answers)) <= 2 + (time.monotonic() - began) // FRESH


def metrics(http: httpx.Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """The samples of /metrics, by name and the labels in the order of the table."""
    found = {}
    for family in text_string_to_metric_families(http.get("/metrics").text):
        for sample in family.samples:
            about = INSTRUMENTS.get(sample.name)
            names = about.labels if about else sorted(sample.labels)
            found[sample.name, tuple(sample.labels[name] for name in names)] = sample.value
    return found


def test_without_a_broker_it_is_answered_all_the_same(tmp_path: Path):
    with Api(tmp_path, environment(tmp_path, "127.0.0.1:1"), instance="0") as api:
        url = listening(api, tmp_path)
        said = httpx.get(f"{url}/v1/status", timeout=20).json()
        assert [finding["kind"] for finding in said["findings"]] == ["not-ready", "brokers-unknown"]
        assert "127.0.0.1:1" in said["unknown"]["brokers"]
        assert said["disk"]
        text = httpx.get(f"{url}/metrics", timeout=20).text
        assert "autolearn_ready 0.0" in text
        assert 'autolearn_findings{kind="brokers-unknown"} 1.0' in text
        assert "autolearn_leaderless_partitions" not in text, "what is not known is not told"


@pytest.mark.long
def test_a_lost_broker_and_a_lost_decider_are_named(tmp_path: Path):
    with EmbeddedBroker(install(), tmp_path / "kafka") as broker:
        settings = environment(tmp_path, broker.bootstrap) | {"AUTOLEARN_SESSION_TIMEOUT": "3"}
        decider = Process(tmp_path, "decide", settings, "autolearn.agents", "decide")
        try:
            with Api(tmp_path, settings, instance="0") as api, api.client() as http:
                decider.ready()

                def kinds() -> list[str]:
                    findings = http.get("/v1/status").json()["findings"]
                    return [f"{one['kind']} {one['detail']}" for one in findings]

                def lost(name: str) -> bool:
                    return f"nobody-runs No process of type {name} runs." in kinds()

                until(lambda: lost("dispatch") and not lost("decide"))
                decider.stop()
                until(lambda: lost("decide"))
                http.post("/v1/sessions", headers={"Prefer": "respond-async"})
                process = {}

                def undecided() -> bool:
                    processes = http.get("/v1/status").json()["processes"]
                    process.update(next(one for one in processes if one["name"] == "decide"))
                    return sum(process["behind"].values()) == 1

                until(undecided)
                assert process["waiting"] > 0
                assert process["members"] == []
                broker.kill()
                until(lambda: any(kind.startswith("brokers-unknown") for kind in kinds()))
                assert not lost("decide"), "what is not known is not a finding"
        finally:
            decider.stop()


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_names_follow_the_rules_of_prometheus(name: str):
    about = INSTRUMENTS[name]
    assert re.fullmatch(r"autolearn(_[a-z]+)+", name)
    assert name.endswith("_total") == (about.kind == "counter")
    assert name.endswith("_seconds") or about.kind != "histogram"
    assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|megabytes|count|sum|bucket)$", name)
    assert about.what.endswith(".")

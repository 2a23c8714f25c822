"""Where processes that conduct pipelines, and those that do their steps, are killed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import psutil

from autolearn.eventlog.embedded.probe import free_ports
from tests.faults.ground import Ground, Tally
from tests.faults.load import Client
from tests.faults.parts import Part
from tests.faults.pipeline_checks import Asked, check_pipelines
from tests.faults.serving_ground import same_digests_as_log
from tests.faults.verdict import Log, Verdict
from tests.support.waiting import until

NAP = 1.0
"""Seconds of a step of the pipeline whose processes are killed."""
PACKAGE = '''
import time

import pyarrow as pa


def nap(table: pa.Table, *, seconds: float = 0.2, at: int = 0) -> pa.Table:
    """Sleep, and give the table with a column of its own."""
    time.sleep(seconds)
    return table.append_column(f"at_{len(table.column_names)}", pa.array([at] * len(table)))


def burden(table: pa.Table, *, mebibytes: int = 0, seconds: float = 0.0) -> pa.Table:
    """Take memory and time, and give the table."""
    taken = bytearray(1 << 20) * mebibytes
    time.sleep(seconds)
    return table
'''
PARAMETERS = {
    "at": {"type": "integer", "default": 0},
    "mebibytes": {"type": "integer", "default": 0},
    "seconds": {"type": "number", "default": 0.0},
}
LIMITS = {"memory_limit": 400, "time_limit": 3}
"""MiB and seconds of a step that takes a burden."""


def naps(many: int, seconds: float, source: str = "") -> list[dict[str, Any]]:
    """Return steps one after the other, or all after one."""
    after = {"from": source} if source else {}
    step = {"seconds": seconds, "at": "${at}"}
    return [{"nap": step, "name": f"nap-{at}", **after} for at in range(many)]


CANDIDATES = ["naive-bayes", "logistic-regression"]
PIPELINES: dict[str, list[dict[str, Any]]] = {
    "chain": [{"source": {"dataset": "iris"}}, *naps(5, 0.1)],
    "fan": [{"source": {"dataset": "iris"}}, *naps(8, 0.2, "source")],
    "learn": [
        {"source": {"dataset": "iris"}},
        {"nap": {"seconds": 0.1, "at": "${at}"}},
        {"split": {"test": 0.25}},
        {"train": {"target": "species", "candidates": CANDIDATES}},
        {"evaluate": {"metrics": ["accuracy"]}},
        {"compare": {"by": "accuracy"}},
        {"promote": {"model": "flowers"}},
    ],
    "give": [
        {"source": {"dataset": "iris"}},
        {"nap": {"seconds": 0.1, "at": "${at}"}},
        {"deliver": {"dataset": "given"}},
    ],
    "slow": [{"source": {"dataset": "iris"}}, *naps(4, NAP)],
    "heavy": [
        {"source": {"dataset": "iris"}},
        {"nap": {"seconds": 0.1, "at": "${at}"}},
        {"burden": {"mebibytes": "${mebibytes}", "seconds": "${seconds}"}, **LIMITS},
        {"nap": {"seconds": 0.1}, "name": "after"},
        {"deliver": {"dataset": "borne"}},
    ],
}
"""What is run all the time; `slow`, of which the processes are killed; and `heavy`, which meets the
limits of its step."""
STEADY = sorted(PIPELINES.keys() - {"slow", "heavy"})


class PipelineClient(Client):
    """A client that runs pipelines, again and again: some of them come from the cache."""

    asked: list[Asked]

    def story(self) -> None:
        """A run from its request to its end."""
        random = self.random
        name = random.choice(STEADY)
        at = random.choice((0, 1, random.getrandbits(30)))
        again = name == "learn" and random.random() < 0.5
        run = self.begin(name, at, **({"start_at": "promote"} if again else {}))
        found = self.until_ended(run)
        assert found["status"] == "completed", found

    def begin(
        self, name: str, at: int, *, fails: bool = False, burden: Any = None, **how: Any
    ) -> str:
        """Ask for a run, which `fails`; return its id."""
        self.__dict__.setdefault("asked", [])
        body = {"parameters": {"at": at, **(burden or {})}, **how}
        key = {"idempotency-key": self.new_key()}
        answer = self.ask("POST", f"/v1/pipelines/{name}/runs", body, key)
        assert answer.is_success, answer.text
        said = answer.json()
        if "state" in said:
            said = {"id": self.outcome(said)["resource"].rpartition("/")[2]}
        self.asked.append(Asked(name, said["id"], fails))
        self.commands += 1
        return str(said["id"])

    def seen(self, run: str) -> dict[str, Any]:
        """Return what is known of a run."""
        answer = self.ask("GET", f"/v1/pipeline-runs/{run}")
        assert answer.is_success, answer.text
        return dict(answer.json())

    def until_ended(self, run: str, seconds: float = 120) -> dict[str, Any]:
        """Wait until a run has ended."""
        deadline = time.monotonic() + seconds
        while (found := self.seen(run))["status"] in ("open", "started"):
            assert time.monotonic() < deadline, f"a run does not end: {found}"
            time.sleep(0.2)
        return found


class PipelineGround(Ground):
    """A system with two API processes, two workers, and pipelines."""

    client_kind = PipelineClient

    def __init__(self, kafka: str, folder: Path, seed: int, tally: Tally, **more: str) -> None:
        self.asked: list[Asked] = []
        self.packages = folder / "packages"
        write_package(self.packages)
        super().__init__(kafka, folder, seed, tally, PYTHONPATH=str(self.packages), **more)

    def add_worker(self, name: str) -> Part:
        """Start a worker."""
        return self.fleet.add(name, "autolearn.agents", "work")

    def add_parts(self) -> None:
        """Start all processes."""
        for instance, port in zip("ab", free_ports(2), strict=True):
            self.urls[f"api-{instance}"] = f"http://127.0.0.1:{port}"
            self.fleet.add(f"api-{instance}", "autolearn.api", "--port", str(port))
            self.add_worker(f"work-{instance}")
        for kind in ("decide", "dispatch", "supervise"):
            self.fleet.add(f"{kind}-a", "autolearn.agents", kind)

    def start(self) -> None:
        """Start everything, and apply the pipelines."""
        super().start()
        with self.client() as client:
            for step in ("nap", "burden"):
                at = f"/v1/catalog/steps/{step}"
                until(lambda at=at: client.ask("GET", at).is_success, f"{step} is offered")
            for name, steps in PIPELINES.items():
                text = {
                    "pipeline": name,
                    "parameters": PARAMETERS,
                    "keep": "last 1000",
                    "steps": steps,
                }
                self.apply(client, text)

    def apply(self, client: Client, text: dict[str, Any]) -> None:
        """Apply a pipeline."""
        key = {"idempotency-key": client.new_key()}
        answer = client.ask("POST", "/v1/pipelines", {"text": json.dumps(text)}, key)
        assert answer.is_success, answer.text

    def keep(self, client: Client) -> None:
        """Remember the runs that a client has asked for."""
        super().keep(client)
        self.asked += client.__dict__.get("asked", [])

    def conducting(self, client: PipelineClient, run: str) -> Part:
        """Return the process that conducts the present attempt of a run, by its own words."""

        def found() -> Part | None:
            seen = client.seen(run)
            words = f"attempt={seen['attempt']} ", f"run={run}"
            for part in self.fleet.of("api"):
                for line in part.said().splitlines():
                    if "conducted" in line and all(word in line for word in words):
                        return part
            return None

        return until(found, "it is conducted", pause=0.1)

    def working(self, client: PipelineClient, run: str) -> Part:
        """Return the process that works on a step of a run."""

        def found() -> str:
            steps = {step["run"] for step in client.seen(run)["steps"]} - {None}
            return next(
                (
                    worker["worker"]
                    for worker in self.workers(client)
                    for one in worker["runs"]
                    if one["run"] in steps and one["phase"] != "claiming"
                ),
                "",
            )

        return self._part_of(client, until(found, "a step is done"))

    def workers(self, client: PipelineClient) -> list[dict[str, Any]]:
        """Return the processes that work and conduct, by their heartbeats."""
        return list(client.ask("GET", "/v1/status").json()["workers"])

    def _part_of(self, client: PipelineClient, worker: str) -> Part:
        pids = {one["worker"]: one["pid"] for one in self.workers(client)}
        (part,) = (p for p in self.fleet.parts.values() if p.popen.pid == pids.get(worker))
        return part

    def same_digests(self) -> None:
        """All API processes show the same, and that is what the log says."""
        super().same_digests()
        same_digests_as_log(self.urls["api-a"], self.environment)

    def verdict(self, seconds: float = 120) -> Verdict:
        """As for every system; and each run has one end, and each of its steps one result."""
        verdict = super().verdict(seconds)
        log = Log.read(self.kafka, self.prefix)
        found = check_pipelines(log.all(), self.asked)
        print(f"  {found}", flush=True)
        for what, many in found._asdict().items():
            self.tally.counts[f"pipelines: {what}"] = many
        return verdict


def fork_server_of(part: Part) -> psutil.Process | None:
    """Return the fork server of a worker process: the child of its guard."""
    for guard in psutil.Process(part.popen.pid).children():
        if any("fork_server" in word for word in guard.cmdline()[:4]):
            return next(iter(guard.children()), None)
    return None


def write_package(folder: Path) -> None:
    """Write what pip leaves of an installed package that offers a step."""
    info = folder / "napping-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "napping.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: napping\nVersion: 1.0\n")
    (info / "RECORD").write_text("napping.py,,\nnapping-1.0.dist-info/METADATA,,\n")
    points = "[autolearn.steps]\nnap = napping:nap\nburden = napping:burden\n"
    (info / "entry_points.txt").write_text(points)

"""Where faults are injected: a broker, a fleet of processes on it, load, and the checker after."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TypeVar

import httpx

from autolearn.eventlog.embedded.probe import free_ports
from tests.faults.kinds.proxy import Proxy
from tests.faults.load import Client, Load
from tests.faults.parts import Fleet, Part
from tests.faults.probe import Probe
from tests.faults.verdict import Log, Receipt, Verdict, verify
from tests.support.random_histories import check_content
from tests.support.waiting import until

AnyGround = TypeVar("AnyGround", bound="Ground")
PARTITIONS = 4
SESSION_TIMEOUT = 3


class Tally:
    """What was injected, and how long it took until the system did its work again."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.recoveries: dict[str, list[float]] = {}
        self.seeds: list[int] = []

    def recovered(self, fault: str, seconds: float) -> None:
        self.recoveries.setdefault(fault, []).append(seconds)
        print(f"  {fault}: {seconds:.2f} s", flush=True)


class Ground:
    """A whole system, two of each process. Everything random comes from the seed."""

    client_kind: type[Client] = Client

    def __init__(self, kafka: str, folder: Path, seed: int, tally: Tally, **more: str) -> None:
        self.kafka, self.folder, self.tally = kafka, folder, tally
        self.prefix = f"faults-{uuid.uuid4().hex[:10]}"
        self.environment = {
            "AUTOLEARN_KAFKA": kafka,
            "AUTOLEARN_HOME": str(folder / "home"),
            "AUTOLEARN_TOPIC_PREFIX": self.prefix,
            "AUTOLEARN_AUTH": "none",
            "AUTOLEARN_QUOTA_SESSIONS": str(10**9),
            "AUTOLEARN_PARTITIONS": str(PARTITIONS),
            "AUTOLEARN_TASK_PARTITIONS": "4",
            "AUTOLEARN_SESSION_TIMEOUT": str(SESSION_TIMEOUT),
            "AUTOLEARN_WORKER_TIMEOUT": "3",
            "AUTOLEARN_HEARTBEAT": "0.3",
            **more,
        }
        self.fleet = Fleet(folder, self.environment)
        self.receipts: list[Receipt] = []
        self.sent: Counter[tuple[str, str]] = Counter()
        self.urls: dict[str, str] = {}
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Take another seed, for the schedule that follows."""
        self.seed, self.random = seed, Random(seed)
        self.tally.seeds.append(seed)
        print(f"seed {seed}", flush=True)

    def start(self) -> None:
        """Start everything, and wait until it is ready."""
        self.add_parts()
        self.fleet.until_ready(300)
        self.ask_by_hand()

    def add_parts(self) -> None:
        """Start all processes."""
        for instance, port in zip("ab", free_ports(2), strict=True):
            self.urls[f"api-{instance}"] = f"http://127.0.0.1:{port}"
            self.fleet.add(f"api-{instance}", "autolearn.api", "--port", str(port))
            for kind in ("decide", "dispatch", "supervise", "work"):
                more = ("monitor",) if kind == "supervise" else ()
                self.fleet.add(f"{kind}-{instance}", "autolearn.agents", kind, *more)

    def ask_by_hand(self) -> None:
        """Have a probe, once the topics are there."""
        self.probe = Probe(self.kafka, self.prefix, PARTITIONS, self.seed)

    def put_behind(self, proxy: Proxy) -> None:
        """Have one of each type of process reach the broker through a proxy only."""
        for kind in ("api", "decide", "dispatch", "supervise", "work"):
            part = self.fleet[f"{kind}-b"]
            part.environment = {**part.environment, "AUTOLEARN_KAFKA": f"127.0.0.1:{proxy.port}"}
            part.kill()
            until(lambda p=part: p.starts > 1, f"{part.name} starts again")
        self.fleet.until_ready(180)

    @contextlib.contextmanager
    def load(self, clients: int = 3, pause: float = 0.1) -> Iterator[Load]:
        """Have clients at work in the block; after it, everything is brought to its end."""
        load = Load(self.seed, lambda: list(self.urls.values()), clients, pause, self.client_kind)
        try:
            yield load
        finally:
            load.stopping.set()
        load.stop()
        for client in load.clients:
            self.keep(client)

    def keep(self, client: Client) -> None:
        """Remember what a client has seen, for the checker."""
        self.receipts += client.receipts
        self.sent += client.sent
        self.tally.counts["http_commands"] += client.commands
        self.tally.counts["http_repeats"] += client.repeats

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """A client for the schedule itself."""
        client = self.client_kind(self.random.getrandbits(32), lambda: list(self.urls.values()))
        try:
            yield client
        finally:
            client.close()
        self.keep(client)

    def ready(self, part: Part, seconds: float = 90) -> None:
        """Wait until a process says that it is ready."""
        until(part.is_ready, f"{part.name} is ready", seconds)

    def verdict(self, seconds: float = 120) -> Verdict:
        """Wait until nothing moves any more, and have everything checked."""
        deadline = time.monotonic() + seconds
        while (log := Log.read(self.kafka, self.prefix)).going() and time.monotonic() < deadline:
            time.sleep(0.3)
        verdict = verify(log, self.receipts, self.sent)
        check_content(log.commands, log.events)
        self.same_digests()
        return verdict

    def same_digests(self) -> None:
        """All API processes show the same views, once they are at the same position."""

        def digests() -> list[dict]:
            return [self.digests_of(url) for url in self.urls.values()]

        def agreed() -> bool:
            first, *others = found = digests()
            if len({str(one["position"]) for one in found}) > 1:
                return False
            assert all(other["views"] == first["views"] for other in others), found
            return True

        until(agreed, "all API processes are at the same position", 60, 0.2)

    def digests_of(self, url: str) -> dict:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(f"{url}/v1/digests", timeout=30, trust_env=False)
            if answer.is_success:
                return dict(answer.json())
        return {"position": f"none of {url}", "views": {}}

    def close(self) -> None:
        self.fleet.close()
        for ended in self.fleet.ended:
            self.tally.counts[f"ended by itself, code {ended.code}"] += 1
            last = "\n    ".join(ended.words.splitlines()[-4:])
            print(f"  {ended.part} ended by itself, code {ended.code}:\n    {last}", flush=True)
        if hasattr(self, "probe"):  # not so if something failed to start
            self.probe.close()


@contextlib.contextmanager
def ground(kafka: str, folder: Path, seed: int, tally: Tally, **more: str) -> Iterator[Ground]:
    """A running system."""
    with running(Ground(kafka, folder, seed, tally, **more)) as made:
        yield made


@contextlib.contextmanager
def running(made: AnyGround) -> Iterator[AnyGround]:
    """Run a system; what its processes said is shown when something goes wrong."""
    try:
        made.start()
        yield made
    except BaseException:
        for part in made.fleet.parts.values():
            words = part.log.read_text(errors="replace")[-2500:]
            print(f"--- {part.name}, {part.starts} starts\n{words}", flush=True)
        raise
    finally:
        made.close()

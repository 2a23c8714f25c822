"""SIGSTOP of every process of `autolearn up`, until its watchdogs have seen to it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil

from autolearn.eventlog.kafka.connect import client_of
from tests.faults.ground import Tally
from tests.faults.load import QUICK, Client, Load
from tests.faults.verdict import Log, Receipt, Verdict, verify
from tests.support.random_histories import check_content
from tests.support.running_system import RunningSystem
from tests.support.settings import settings_of
from tests.support.waiting import until

TARGETS = ("agents", "workers", "fork server", "api", "jvm")
"""`agents` decides, dispatches and supervises; `jvm` is the broker's."""
SLOW = {"estimator": "random-forest", "dataset": "digits", "hyperparameters": {"n_estimators": 800}}


class Installation(RunningSystem):
    """An `autolearn up` with a Kafka of its own, and what its clients were told."""

    def __init__(self, home: Path, seed: int, tally: Tally) -> None:
        self.prefix = f"hangs-{uuid.uuid4().hex[:8]}"
        super().__init__(
            settings_of(
                home=str(home),
                api_port=0,
                topic_prefix=self.prefix,
                auth="none",
                encryption="off",  # the checker reads what is said
            )
        )
        self.tally, self.random = tally, Random(seed)
        self.receipts: list[Receipt] = []
        self.sent: Counter[tuple[str, str]] = Counter()

    def urls(self) -> list[str]:
        return [self.system.url]

    def process(self, target: str) -> int:
        """The process that is meant."""
        part = {"fork server": "workers", "jvm": "kafka"}.get(target, target)
        word = {"fork server": "fork_server", "jvm": "java"}.get(target)
        main = self.pid(part)
        if word is None:
            return main
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(main).children():
                if any(word in one for one in child.cmdline()[:4]):
                    if target == "jvm":
                        return child.pid
                    return next((one.pid for one in child.children()), 0)  # the first is its guard
        return 0

    def keep(self, client: Client) -> None:
        """Remember what a client has seen."""
        self.receipts += client.receipts
        self.sent += client.sent

    @contextlib.contextmanager
    def load(self, clients: int = 2) -> Iterator[None]:
        """Have clients at work in the block."""
        load = Load(self.random.getrandbits(30), self.urls, clients, 0.3)
        try:
            yield
        finally:
            load.stopping.set()
        load.stop()
        for client in load.clients:
            self.keep(client)

    def stop_one(self, target: str) -> tuple[float, float]:
        """Stop a process; return the seconds until there is another, and until work is done again.

        A training that is at work meanwhile completes: what it loses is an attempt.
        """
        with contextlib.closing(Client(self.random.getrandbits(32), self.urls)) as client:
            session = client.open()
            slow = client.train(session, SLOW)
            until(
                lambda: client.run(session, "training", slow)["status"] != "open", "it is at work"
            )
            time.sleep(self.random.random())
            pid = until(lambda: self.process(target), f"there is a {target}")
            os.kill(pid, signal.SIGSTOP)
            began = time.monotonic()
            until(lambda: self.process(target) not in (pid, 0), f"another {target}", 120)
            again = time.monotonic() - began
            run = client.train(session, QUICK)
            assert client.ended(session, "training", run)["status"] == "completed"
            well = time.monotonic() - began
            found = client.ended(session, "training", slow)
            assert found["status"] == "completed", found
            client.post("commit", session, f"/v1/sessions/{session}/commit", {})
        self.keep(client)
        self.tally.counts["hangs"] += 1
        self.tally.recovered(f"SIGSTOP of {target}: started again", again)
        self.tally.recovered(f"SIGSTOP of {target}: a training asked for since is done", well)
        return again, well

    def verdict(self, seconds: float = 180) -> Verdict:
        """Wait until nothing moves any more, and have everything checked."""
        deadline = time.monotonic() + seconds
        kafka = self.system.kafka
        client = client_of(self.settings, kafka)
        while (log := Log.read(kafka, self.prefix, client)).going() and time.monotonic() < deadline:
            time.sleep(0.3)
        verdict = verify(log, self.receipts, self.sent)
        check_content(log.commands, log.events)
        return verdict


@contextlib.contextmanager
def installation(home: Path, seed: int, tally: Tally) -> Iterator[Installation]:
    """An installation that runs in the block."""
    tally.seeds.append(seed)
    running = Installation(home, seed, tally)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        for words in running.said:
            print(words, flush=True)
        running.end()

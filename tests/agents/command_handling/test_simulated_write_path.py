"""The write path without Faust and Kafka, under hundreds of seeded interleavings of bad luck.

The real Claim and the real rules run on the in-memory log. What Faust and the network do is played
by hand: who has the partition, when an append reaches the log, who dies when, who wakes up late.
"""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from random import Random
from unittest import mock

import pytest

from autolearn.agents.command_handling import partition_claim
from autolearn.agents.command_handling.decision import AppendFence, Decision, decide
from autolearn.agents.command_handling.partition_claim import Names, PartitionClaim
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.views import VIEWS
from autolearn.schemas.codec import Headers, decode_command, encode
from autolearn.schemas.topics import Topic
from tests.support import log_checker
from tests.support.random_histories import check_content, random_records

TOPICS = Names("commands", "events", "checkpoints")


class Worker:
    """One process that believes to have partition 0."""

    def __init__(self, log: MemoryLog, name: str, folder: Path) -> None:
        self.log = log
        self.claim = PartitionClaim(log, TOPICS, 0, folder, name)
        self.claim.take()
        self.next = self.claim.begin()
        self.sending: deque[tuple[Decision, Headers]] = deque()
        self.written: deque[tuple[Decision, int]] = deque()

    def decide(self) -> None:
        """Take the next command, as agents.decide does."""
        claim, commands = self.claim, self.log.topics["commands"][0]
        if claim.fenced or self.next >= len(commands):
            return
        offset = self.next
        self.next += 1
        if offset <= claim.decided:
            return
        assert offset == claim.decided + 1
        record = decode_command(commands[offset].content)
        if claim.seen(record.subject, record.id):
            claim.decided = offset
            return
        place = AppendFence(0, offset, claim.answered, claim.term)
        decision = decide(claim.stream(record.subject), record, place)
        self.sending.append((decision, claim.note(decision)))

    def send(self) -> None:
        """Let the oldest append reach the log."""
        if self.sending:
            decision, headers = self.sending.popleft()

            def delivered(error: object, _: int, offset: int) -> None:
                assert error is None
                self.written.append((decision, offset))

            subject = decision.record.subject
            self.log.append(
                "events", decision.value, key=subject, headers=headers, delivered=delivered
            )

    def confirm(self) -> None:
        """Hear of the oldest append that was written."""
        if self.written and not self.claim.fenced:
            decision, offset = self.written.popleft()
            if not self.claim.confirm(decision, offset):
                self.claim.fenced = True

    def redeliver(self, random: Random) -> None:
        """Have some commands delivered again."""
        self.next = random.randint(max(0, self.next - 5), self.next)

    def work_off(self) -> None:
        """Do everything that is there to do."""
        while not self.claim.fenced and (
            self.next < len(self.log.topics["commands"][0]) or self.sending or self.written
        ):
            self.decide()
            self.send()
            self.confirm()


class World:
    """A log, random commands, and workers that come, die and wake up."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random, self.folder = Random(seed), folder
        self.log = MemoryLog()
        self.log.create([Topic(name, 1, 1, {}) for name in TOPICS])
        self.coming = deque(random_records(self.random, 60))
        self.workers: list[Worker] = []
        self.asleep: list[Worker] = []
        self.names = 0

    def ask(self) -> None:
        """A client sends some commands."""
        for _ in range(min(len(self.coming), self.random.randint(1, 8))):
            record = self.coming.popleft()
            self.log.append("commands", encode(record), key=record.subject)

    def enter(self) -> Worker:
        """A process is assigned the partition; it may find the folder of one that has died."""
        self.names += 1
        used = {w.claim.folder for w in (*self.workers, *self.asleep)}
        folders = [f for f in (self.folder / "a", self.folder / "b") if f not in used]
        folder = folders[0] if folders else self.folder / f"new-{self.names}"
        worker = Worker(self.log, f"process-{self.names}", folder)
        self.workers.append(worker)
        return worker

    def die(self) -> None:
        """kill -9: what was on its way to the log is lost, or arrives just before or after."""
        if self.workers:
            worker = self.workers.pop(self.random.randrange(len(self.workers)))
            for _ in range(self.random.randint(0, len(worker.sending))):
                worker.send()
            worker.claim.close()

    def pause(self) -> None:
        """SIGSTOP: the process keeps all it had in mind."""
        if self.workers:
            self.asleep.append(self.workers.pop(self.random.randrange(len(self.workers))))

    def wake(self) -> None:
        """SIGCONT: it goes on as if nothing had happened."""
        if self.asleep:
            self.workers.append(self.asleep.pop(self.random.randrange(len(self.asleep))))

    def step(self) -> None:
        """One thing happens."""
        happenings = [
            (6, self.ask),
            (1, self.enter),
            (1, self.die),
            (1.5, self.pause),
            (1.5, self.wake),
            *((20, w.decide) for w in self.workers),
            *((15, w.send) for w in self.workers),
            *((12, w.confirm) for w in self.workers),
            *((1, lambda w=w: w.redeliver(self.random)) for w in self.workers),
        ]
        weights = [weight for weight, _ in happenings]
        self.random.choices([happening for _, happening in happenings], weights)[0]()

    def finish(self) -> None:
        """Everyone wakes up and says what it has to say; then one process works the rest off."""
        while self.coming:
            self.ask()
        while self.asleep:
            self.wake()
        rest = self.enter()
        for worker in self.random.sample(self.workers, len(self.workers)):
            for _ in range(20):
                worker.decide()
                worker.send()
                worker.confirm()
        rest.work_off()
        for worker in self.workers:
            worker.claim.close()


class QuickStore(MemoryStore):
    """Keeps a folder's content in memory, so that hundreds of worlds take seconds."""

    folders: dict[Path, dict[bytes, bytes]] = {}

    def __init__(self, folder: Path) -> None:
        self.rows = self.folders.setdefault(folder, {})


def records(log: MemoryLog, topic: str) -> log_checker.Topic:
    return {0: [log_checker.Record(m.offset, m.key, m.value) for m in log.topics[topic][0]]}


def views_of(log: MemoryLog) -> dict[str, str]:
    """The digests of the views, but for the one of offsets: new terms move them."""
    store = MemoryStore()
    follower = Projector(log, "events", ReadModels(store), [0])
    follower.catch_up()
    return {name: view.digest(store) for name, view in VIEWS.items() if name != "streams"}


def check(log: MemoryLog) -> log_checker.Found:
    """The checker's rules; and every answer is the one that deciding one by one gives."""
    commands, events = records(log, "commands"), records(log, "events")
    found = log_checker.check(commands, events)
    check_content(commands, events)
    return found


def run(seed: int, folder: Path, steps: int = 300) -> World:
    world = World(seed, folder)
    for _ in range(steps):
        world.step()
    world.finish()
    return world


def simulate(seed: int) -> log_checker.Found:
    """Run and check one schedule in memory, outside of pytest."""
    with mock.patch.object(partition_claim, "RocksStore", QuickStore):
        QuickStore.folders.clear()
        return check(run(seed, Path(f"world-{seed}")).log)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuickStore, "folders", {})
    monkeypatch.setattr(partition_claim, "RocksStore", QuickStore)


@pytest.mark.usefixtures("quick")
def test_every_command_is_answered_once_whatever_happens():
    found = []
    for seed in range(100):
        try:
            found.append(check(run(seed, Path(f"world-{seed}")).log))
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    assert sum(each.answered for each in found) > 3_000
    assert sum(each.ignored for each in found) > 100, "zombies must have spoken"
    assert sum(each.skipped for each in found) > 150
    assert max(each.terms[0] for each in found) > 8


def test_with_real_stores(tmp_path: Path):
    for seed in range(4):
        check(run(seed, tmp_path / str(seed), steps=150).log)


@pytest.mark.usefixtures("quick")
def test_the_read_models_are_those_of_deciding_one_by_one():
    for seed in range(1000, 1030):
        world = run(seed, Path(f"world-{seed}"), 150)
        plain = MemoryLog()
        plain.create([Topic(name, 1, 1, {}) for name in TOPICS])
        world_commands = world.log.topics["commands"][0]
        plain.topics["commands"][0] += world_commands
        Worker(plain, "alone", Path(f"alone-{seed}")).work_off()
        assert views_of(plain) == views_of(world.log), f"seed {seed}"


FAULTS = {
    "an answer is lost": lambda r, e: r.remove(e),
    "an answer is given for another command": lambda r, e: forge(r, e, causationid="other"),
    "an answer is about another stream": lambda r, e: forge(r, e, subject="session/other"),
    "a sequence has a hole": lambda r, e: forge(r, e, sequence=99),
    "the chain is broken": lambda r, e: forge(r, e, prev=-7),
    "an older term is believed": lambda r, e: forge(r, e, term=0),
    "an answer comes before its turn": lambda r, e: swap(r, e),
}


def forge(events: list[log_checker.Record], event: log_checker.Record, **fields: object) -> None:
    value = json.dumps(json.loads(event.value or b"") | fields).encode()
    events[events.index(event)] = event._replace(value=value)


def swap(events: list[log_checker.Record], event: log_checker.Record) -> None:
    at = events.index(event)
    events[at - 1 : at + 1] = reversed(events[at - 1 : at + 1])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", FAULTS)
def test_the_checker_finds(fault: str):
    world = run(7, Path("world"), 0)
    commands, events = records(world.log, "commands"), records(world.log, "events")
    log_checker.check(commands, events)
    FAULTS[fault](events[0], events[0][-5])
    with pytest.raises(log_checker.Broken):
        log_checker.check(commands, events)

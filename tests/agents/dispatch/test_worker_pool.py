"""The pool under hundreds of seeded courses of events: workers that come, die, sleep and forget.

Time is a number here. What the log and the workers do is played by hand, with the delays and losses
that they have in truth.
"""

from random import Random

import pytest
from msgspec import Raw
from msgspec.structs import replace

from autolearn.agents.dispatch.worker_pool import OFFER_SECONDS, TaskOffer, WorkerPool
from autolearn.projections.work.open_runs import OpenRun
from autolearn.schemas.records.heartbeat import Heartbeat
from autolearn.schemas.workers.labels import fits, labels_in, text_of

STREAM = "session/a"
LABELS = ("", "", "gpu=1", "zone=a")


def run(
    name: str,
    worker: str = "",
    attempt: int = 1,
    kind: str = "training",
    user: str = "",
    labels: str = "",
) -> OpenRun:
    return OpenRun(
        kind, name, STREAM, attempt, worker, Raw(b"{}"), 60.0, 512, user=user, labels=labels
    )


def beat(
    worker: str, slots: int = 1, kinds: tuple[str, ...] = ("training", "evaluation")
) -> Heartbeat:
    return Heartbeat(worker, "host", 1, kinds, slots, "", partitions=(int(worker[1:]),))


def offered(pool: WorkerPool, now: float) -> list[tuple[str, str]]:
    return [(offer.attempt.run, offer.worker) for offer in pool.offers(now)]


def test_a_free_slot_gets_one_run_and_the_rest_waits():
    pool = WorkerPool(3.0)
    for name in "abc":
        pool.see(STREAM, name, run(name))
    assert offered(pool, 0.0) == []
    pool.heard(beat("w0"), 0.0)
    assert offered(pool, 0.0) == [("a", "w0")]
    pool.see(STREAM, "a", run("a", "w0"))
    assert offered(pool, 0.5) == []
    pool.heard(beat("w1"), 0.6)
    assert offered(pool, 0.6) == [("b", "w1")]
    pool.see(STREAM, "a", None)
    assert offered(pool, 0.7) == [("c", "w0")]


def test_an_offer_that_nobody_takes_up_is_made_again_to_another():
    pool = WorkerPool(3.0)
    pool.heard(beat("w0"), 0.0)
    pool.see(STREAM, "a", run("a"))
    assert offered(pool, 0.0) == [("a", "w0")]
    pool.heard(beat("w1"), 0.1)
    assert offered(pool, OFFER_SECONDS / 2) == []
    assert offered(pool, OFFER_SECONDS) == [("a", "w1")]


def test_of_a_user_no_more_runs_run_than_the_limit_whatever_is_free():
    pool = WorkerPool(3.0, {"ada": 2, "bob": 5, "eve": 0}.__getitem__)
    pool.heard(beat("w0", slots=9), 0.0)
    for user in ("eve", "ada", "bob"):
        for number in range(4):
            pool.see(STREAM, f"{user}-{number}", run(f"{user}-{number}", user=user))
    first = [name for name, _ in offered(pool, 0.0)]
    assert first == ["ada-0", "bob-0", "ada-1", "bob-1", "bob-2", "bob-3"]
    for name in first:
        pool.see(STREAM, name, run(name, "w0", user=name[:3]))
    assert offered(pool, 0.1) == []
    pool.see(STREAM, "bob-0", None)
    assert offered(pool, 0.2) == []
    pool.see(STREAM, "ada-1", run("ada-1", attempt=2, user="ada"))  # its worker was lost
    assert offered(pool, 0.3) == [("ada-1", "w0")]
    pool.see(STREAM, "ada-0", None)
    assert offered(pool, 0.4) == [("ada-2", "w0")]


def test_a_study_takes_no_slot_and_no_turn_of_its_trials():
    pool = WorkerPool(3.0, {"ada": 1}.__getitem__)
    pool.heard(beat("w0", slots=1, kinds=("training", "study")), 0.0)
    for name, kind in (("s1", "study"), ("s2", "study"), ("t1", "training"), ("t2", "training")):
        pool.see(STREAM, name, run(name, kind=kind, user="ada"))
    assert sorted(offered(pool, 0.0)) == [("s1", "w0"), ("t1", "w0")]
    for name, kind in (("s1", "study"), ("t1", "training")):
        pool.see(STREAM, name, run(name, "w0", kind=kind, user="ada"))
    assert offered(pool, 0.1) == []
    pool.see(STREAM, "t1", None)
    assert offered(pool, 0.2) == [("t2", "w0")]
    pool.see(STREAM, "s1", None)
    assert offered(pool, 0.3) == [("s2", "w0")]


def test_a_run_of_a_pipeline_keeps_no_study_of_its_user_from_running():
    """It waits for that study: neither would end."""
    pool = WorkerPool(3.0, {"ada": 1}.__getitem__)
    pool.heard(beat("w0", kinds=("study",)), 0.0)
    pool.see("pipeline/p", "r1", run("r1", kind="pipeline", user="ada"))
    pool.see("pipeline/p", "r1", run("r1", "api-1", kind="pipeline", user="ada"))
    pool.see(STREAM, "s1", run("s1", kind="study", user="ada"))
    assert offered(pool, 0.0) == [("s1", "w0")]
    pool.see("pipeline/p", "r1", None)
    assert offered(pool, 0.1) == []


def test_a_run_of_a_lost_worker_comes_before_all_others():
    pool = WorkerPool(3.0)
    pool.heard(beat("w0"), 0.0)
    pool.see(STREAM, "a", run("a"))
    pool.offers(0.0)
    pool.see(STREAM, "a", run("a", "w0"))
    for name in "bcd":
        pool.see(STREAM, name, run(name))
    pool.see(STREAM, "a", run("a", attempt=2))
    pool.heard(beat("w1"), 0.5)
    offers = pool.offers(0.5)
    assert [offer.attempt.run for offer in offers] == ["a", "b"]
    assert offers[0].attempt.number == 2


def test_nothing_is_offered_to_who_is_silent_has_stopped_or_cannot_be_reached():
    pool = WorkerPool(3.0)
    for number in range(3):
        pool.heard(beat(f"w{number}"), 0.0)
    pool.heard(Heartbeat("w1", "host", 1, (), 1, "", stopped=True), 0.0)
    pool.heard(replace(beat("w2"), partitions=()), 3.5)
    pool.see(STREAM, "a", run("a"))
    assert offered(pool, 3.5) == []


def test_nothing_is_offered_to_who_has_no_room_on_the_disk_until_there_is():
    pool = WorkerPool(3.0)
    pool.see(STREAM, "a", run("a"))
    pool.heard(replace(beat("w0"), disk_low="/ has 1 MiB free"), 0.0)
    assert offered(pool, 0.0) == []
    pool.heard(beat("w0"), 1.0)
    assert offered(pool, 1.0) == [("a", "w0")]


def test_a_run_goes_to_the_worker_that_can_do_nothing_else():
    pool = WorkerPool(3.0)
    pool.heard(beat("w0"), 0.0)
    pool.heard(beat("w1", kinds=("training",)), 0.0)
    pool.see(STREAM, "t", run("t"))
    pool.see(STREAM, "e", run("e", kind="evaluation"))
    assert sorted(offered(pool, 0.0)) == [("e", "w0"), ("t", "w1")]


def test_a_run_is_offered_to_a_worker_with_its_labels_and_keeps_nobody_waiting():
    pool = WorkerPool(3.0)
    pool.heard(replace(beat("w0", slots=9), labels={"cores": "4"}), 0.0)
    for name, labels in (("g1", "gpu=2"), ("g2", "gpu=2"), ("a", ""), ("c", "cores=2"), ("d", "")):
        pool.see(STREAM, name, run(name, labels=labels))
    assert offered(pool, 0.0) == [("a", "w0"), ("c", "w0"), ("d", "w0")]
    pool.heard(replace(beat("w1"), labels={"cores": "4", "gpu": "1"}), 0.1)
    assert offered(pool, 0.1) == []
    pool.heard(replace(beat("w1"), labels={"cores": "4", "gpu": "2"}), 0.2)
    assert offered(pool, 0.2) == [("g1", "w1")]
    pool.see(STREAM, "g1", run("g1", attempt=2, labels="gpu=2"))  # its worker was lost
    assert offered(pool, 0.3) == [("g1", "w1")]


def test_a_worker_with_more_labels_is_left_free_for_those_who_ask_for_them():
    pool = WorkerPool(3.0)
    pool.heard(replace(beat("w0"), labels={"gpu": "1"}), 0.0)
    pool.heard(beat("w1"), 0.0)
    pool.see(STREAM, "a", run("a"))
    pool.see(STREAM, "g", run("g", labels="gpu=1"))
    assert sorted(offered(pool, 0.0)) == [("a", "w1"), ("g", "w0")]


class Worker:
    """A worker as dispatch cannot see it: it may be dead, or have other partitions than it said."""

    def __init__(self, name: str, slots: int, labels: str) -> None:
        self.name, self.slots, self.alive = name, slots, True
        self.labels = labels_in(labels)
        self.working: dict[str, float] = {}
        self.free_since = 0.0


class World:
    """A pool and the truth around it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pool = WorkerPool(3.0)
        self.now, self.names, self.runs = 0.0, 0, 0
        self.workers: list[Worker] = []
        self.open: dict[str, OpenRun] = {}
        self.waits_since: dict[str, float] = {}
        self.on_the_way: list[tuple[float, TaskOffer]] = []
        self.lost, self.ended, self.sent, self.longest_idle = 0, 0, 0, 0.0

    def request(self) -> None:
        self.runs += 1
        self.change(run(f"r{self.runs}", labels=self.random.choice(LABELS)))

    def change(self, now_open: OpenRun) -> None:
        self.open[now_open.run] = now_open
        if not now_open.worker:
            self.waits_since[now_open.run] = self.now
        else:
            self.waits_since.pop(now_open.run, None)
        self.pool.see(STREAM, now_open.run, now_open)
        self.offer()

    def enter(self) -> None:
        self.names += 1
        worker = Worker(f"w{self.names}", self.random.randint(1, 3), self.random.choice(LABELS))
        worker.free_since = self.now
        self.workers.append(worker)

    def die(self) -> None:
        """kill -9; what it held is reported lost later."""
        alive = [worker for worker in self.workers if worker.alive]
        victim = self.random.choice(alive)
        if sum(worker.labels == victim.labels for worker in alive) > 1:
            victim.alive = False

    def restart(self) -> None:
        """Dispatch starts again, with what the log tells."""
        self.pool = WorkerPool(3.0)
        for each in self.open.values():
            self.pool.see(STREAM, each.run, each)

    def offer(self) -> None:
        offers = self.pool.offers(self.now)
        assert len(offers) <= sum(worker.slots for worker in self.workers)
        self.sent += len(offers)
        for offer in offers:
            if self.random.random() < 0.02:
                self.lost += 1
            else:
                self.on_the_way.append((self.now + self.random.uniform(0.0, 0.05), offer))
        assert all(self.pool.load[w.name] <= w.slots for w in self.workers if w.alive)

    def deliver(self) -> None:
        arrived = [offer for at, offer in self.on_the_way if at <= self.now]
        self.on_the_way = [(at, offer) for at, offer in self.on_the_way if at > self.now]
        for offer in arrived:
            worker = next(w for w in self.workers if w.name == offer.worker)
            held = self.open.get(offer.attempt.run)
            if held is None or held.worker or held.attempt != offer.attempt.number:
                continue
            if worker.alive and len(worker.working) < worker.slots:
                seconds = self.random.choice((0.05, 0.05, 0.05, 5.0))
                worker.working[held.run] = self.now + seconds
                assert fits(labels_in(held.labels), worker.labels)
                self.change(replace(held, worker=worker.name))

    def work(self) -> None:
        for worker in self.workers:
            for name, until in list(worker.working.items()):
                if worker.alive and until <= self.now:
                    del worker.working[name], self.open[name]
                    worker.free_since = self.now
                    self.ended += 1
                    self.pool.see(STREAM, name, None)
                    self.offer()
                elif not worker.alive and self.random.random() < 0.01:  # reported lost
                    del worker.working[name]
                    lost = self.open[name]
                    self.change(replace(lost, worker="", attempt=lost.attempt + 1))

    def measure(self) -> None:
        """How long a slot has been free while a run waited."""
        for worker in self.workers:
            if worker.alive and len(worker.working) < worker.slots:
                for name, since in self.waits_since.items():
                    if not fits(labels_in(self.open[name].labels), worker.labels):
                        continue
                    idle = self.now - max(since, worker.free_since)
                    self.longest_idle = max(self.longest_idle, idle)

    def step(self, number: int) -> None:
        self.now = number * 0.02
        self.deliver()
        self.work()
        if number % 50 == 0:
            for worker in self.workers:
                if worker.alive:
                    heard = replace(beat(worker.name, worker.slots), labels=worker.labels)
                    self.pool.heard(heard, self.now)
        if number % 10 == 0:
            self.offer()
        self.measure()


@pytest.mark.parametrize("seed", range(40))
def test_no_slot_is_idle_for_long_while_a_run_waits(seed: int):
    world = World(seed)
    while {text_of(worker.labels) for worker in world.workers} != {*LABELS}:
        world.enter()
    for number in range(3000):
        if world.random.random() < 0.05:
            world.random.choices((world.request, world.enter, world.die), (50, 1, 1))[0]()
        world.step(number)
    for number in range(3000, 20_000):
        world.step(number)
        if not world.open:
            break
    assert world.longest_idle <= 2.0
    assert not world.open, "every run has ended"
    assert world.ended == world.runs
    assert world.sent - world.ended <= world.lost + 25 * world.names, "few offers are in vain"


def test_after_a_restart_with_thousands_open_only_free_slots_are_filled():
    world = World(7)
    while {text_of(worker.labels) for worker in world.workers} != {*LABELS}:
        world.enter()
    for _ in range(5000):
        world.request()
    world.restart()
    assert world.sent == 0
    world.step(0)
    assert len(world.workers) <= world.sent <= sum(worker.slots for worker in world.workers)

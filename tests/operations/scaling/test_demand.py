"""How many workers a pool asks for: as many as the queue wants, and none for what others take."""

import pytest
from msgspec import Raw

from autolearn.operations.scaling.demand import Need, Pool, need_of
from autolearn.projections.work.open_runs import OpenRun
from autolearn.schemas.records.heartbeat import Heartbeat, Progress

POOL = Pool({"pool": "big", "gpu": "1"}, slots=2, least=0, most=5)


def runs(
    many: int, labels: str = "", worker: str = "", kind: str = "training", user: str = "ada"
) -> list[OpenRun]:
    return [
        OpenRun(
            kind, f"{labels}{worker}{n}", "s", 1, worker, Raw(b"{}"), 1.0, 1, user=user,
            labels=labels,
        )
        for n in range(many)
    ]  # fmt: skip


def worker(name: str, busy: int = 0, slots: int = 2, **labels: str) -> Heartbeat:
    going = tuple(Progress(str(n), "training", "s", 1, "fitting", "") for n in range(busy))
    kinds = ("training", "study")
    return Heartbeat(name, name, 1, kinds, slots, "", going, (0,), labels=labels)


@pytest.mark.parametrize(
    ("waiting", "present", "jobs", "wanted"),
    [
        ([], [], 0, 0),
        (runs(1), [], 0, 1),
        (runs(3), [], 0, 2),
        (runs(99), [], 0, 5),
        (runs(99), [], 4, 1),
        (runs(99), [], 5, 0),
        (runs(3), [], 1, 1),  # it has not been heard of yet, and will take two
        (runs(3), [worker("a")], 0, 1),  # somebody else's free slots
        (runs(2), [worker("a")], 0, 0),
        (runs(2), [worker("a", busy=2)], 0, 1),
        (runs(1, "gpu=1"), [worker("a", slots=9)], 0, 1),
        (runs(1, "gpu=2"), [], 0, 0),  # no worker of the pool could take it
        (runs(1, "gpu=1") + runs(2), [worker("a")], 0, 1),
        (runs(1, "gpu=1"), [worker("b", pool="big", gpu="1")], 1, 0),
        (runs(1, "gpu=1"), [worker("b", busy=2, pool="big", gpu="1")], 1, 1),
        (runs(1, kind="study"), [], 0, 1),
        (runs(1, kind="study"), [worker("a", busy=2)], 0, 0),
        (runs(4, worker="a"), [worker("a", busy=2)], 0, 0),
    ],
)
def test_as_many_are_started_as_the_queue_asks_for(
    waiting: list[OpenRun], present: list[Heartbeat], jobs: int, wanted: int
):
    assert need_of(POOL, waiting, present, jobs).workers == wanted


def test_what_the_limit_of_a_user_holds_back_needs_no_worker():
    going = runs(3, worker="a", user="ada")
    assert need_of(POOL, going + runs(9), [], 0, lambda _: 4) == Need(1, 1)


def test_the_least_are_started_without_a_queue():
    assert need_of(POOL._replace(least=2), [], [], 1) == Need(0, 1)

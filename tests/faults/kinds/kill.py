"""kill -9 of every type of process, at random moments under load."""

from __future__ import annotations

import time
from typing import Any

from tests.faults.ground import Ground
from tests.faults.load import QUICK
from tests.faults.parts import Part
from tests.support.waiting import until

TYPES = ("decide", "dispatch", "work", "supervise", "api")
SLOW = {
    "estimator": "random-forest",
    "dataset": "digits",
    "hyperparameters": {"n_estimators": 1500},
}
"""A training of a few seconds."""


def kill_all_types(ground: Ground, kills: int) -> None:
    """Kill processes of all types in turn, each at a random moment."""
    for number in range(kills):
        time.sleep(0.5 * ground.random.random())
        kill(ground, TYPES[number % len(TYPES)])


def kill(ground: Ground, kind: str) -> None:
    """Kill a process of a type, and wait until the system does what that process does."""
    part = ground.random.choice(ground.fleet.of(kind))
    match kind:
        case "decide":
            kill_decider(ground, part)
        case "work":
            kill_worker(ground)
        case "dispatch":
            kill_dispatcher(ground, part)
        case _:
            until_ready_again(ground, part, part.kill())
    ground.tally.counts["kills"] += 1
    ground.ready(part)


def kill_decider(ground: Ground, part: Part) -> float:
    """It is back when every partition is answered; return the seconds."""
    since = ground.probe.places()
    killed = part.kill()
    seconds = ground.probe.answered(since, killed)
    ground.tally.recovered("kill -9 of a decider: all partitions decide", seconds)
    return seconds


def kill_dispatcher(ground: Ground, part: Part) -> None:
    """It is back when trainings of all partitions, asked for since, are at work or done."""
    with ground.client() as client:
        sessions = [client.open() for _ in range(4)]
        killed = part.kill()
        runs = [client.train(session, QUICK) for session in sessions]
        for session, run in zip(sessions, runs, strict=True):
            until(
                lambda s=session, r=run: client.run(s, "training", r)["status"] != "open",
                "a training asked for while a dispatcher was gone",
            )
    seconds = time.monotonic() - killed
    ground.tally.recovered("kill -9 of a dispatcher: new trainings started", seconds)


def kill_worker(ground: Ground) -> None:
    """Kill the one that works on a training; that is at work again elsewhere, or after."""
    with ground.client() as client:
        session = client.open()
        run = client.train(session, SLOW)

        def now() -> dict[str, Any]:
            return client.run(session, "training", run)

        worker = until(lambda: now()["worker"], "a training starts")
        (part,) = (p for p in ground.fleet.of("work") if f"-{p.name.partition('-')[2]}-" in worker)
        killed = part.kill()
        until(
            lambda: (seen := now())["attempt"] > 1 and seen["status"] != "open",
            "the training of a killed worker starts again",
        )
        seconds = time.monotonic() - killed
        ground.tally.recovered("kill -9 of a worker: its run starts again", seconds)
        client.post("discard", session, f"/v1/sessions/{session}/discard")


def until_ready_again(ground: Ground, part: Part, killed: float) -> None:
    """It is back when it says so."""
    starts = part.starts
    until(lambda: part.starts > starts, f"{part.name} starts again")
    ground.ready(part)
    kind = part.name.partition("-")[0]
    ground.tally.recovered(f"kill -9 of {kind}: ready again", time.monotonic() - killed)

"""SIGSTOP of a decider beyond its session timeout, with appends in flight; then SIGCONT."""

from __future__ import annotations

import time

from tests.faults.ground import Ground
from tests.faults.verdict import Log
from tests.support.waiting import until

BURST = 3000
"""Commands to be decided at the moment of the pause: much is in flight, and more is fetched."""


def pause_decider(ground: Ground) -> int:
    """Pause a decider in full flight, and wake it when others have its partitions.

    Returns how many answers are ignored on the log because of it.
    """
    part = ground.random.choice(ground.fleet.of("decide"))
    before = Log.read(ground.kafka, ground.prefix).zombies()
    since = ground.probe.places()
    ground.probe.burst(BURST)
    moment = sum(since.values()) + ground.random.randint(1, BURST // 6)
    until(lambda: sum(ground.probe.places().values()) > moment, "the burst is answered", 60, 0.001)
    part.pause()
    try:
        paused = time.monotonic()
        seconds = ground.probe.answered(ground.probe.places(), paused, 120)
        ground.tally.recovered("SIGSTOP of a decider: others decide", seconds)
    finally:
        part.resume()
    ground.tally.counts["zombies"] += 1
    since, woken = ground.probe.places(), time.monotonic()
    ground.probe.answered(since, woken, 120)
    ground.fleet.until_ready()
    ignored = Log.read(ground.kafka, ground.prefix).zombies() - before
    print(f"  {ignored} answers of a paused decider are on the log, and ignored", flush=True)
    return ignored

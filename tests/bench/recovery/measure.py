"""How soon commands are answered again after kill -9 of the decider, and of the broker."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from tests.faults.ground import Ground, Tally
from tests.faults.kinds.kill import kill_decider

KILLS, RESTARTS = 10, 5


async def recovery() -> dict[str, float]:
    """Kill the only decider, which is started again at once; then the only broker."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    """Measure with the default settings but for the time-outs of work, of which there is none."""
    folder = Path(tempfile.mkdtemp(prefix="autolearn-bench-"))
    broker = EmbeddedBroker(install(), folder / "kafka")
    on = None
    try:
        broker.start()
        on = Ground(broker.bootstrap, folder, 1, Tally(), AUTOLEARN_SESSION_TIMEOUT="10")
        part = on.fleet.add("decide-a", "autolearn.agents", "decide")
        on.fleet.until_ready()
        on.ask_by_hand()
        deciders = [kill_decider(on, part) for _ in range(KILLS)]
        brokers = [restart(on, broker) for _ in range(RESTARTS)]
    finally:
        if on is not None:
            on.close()
        broker.stop()
        shutil.rmtree(folder)
    return {
        "decider_recovery_p50_s": statistics.median(deciders),
        "decider_recovery_max_s": max(deciders),
        "broker_recovery_max_s": max(brokers),
    }


def restart(on: Ground, broker: EmbeddedBroker) -> float:
    """Kill the broker and start it; return the seconds until all partitions are answered."""
    since, killed = on.probe.places(), time.monotonic()
    broker.kill()
    broker.start()
    return on.probe.answered(since, killed)

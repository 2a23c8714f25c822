"""How many commands one, two and four decide processes answer a second, on 8 partitions.

From the first command sent, by a producer that sends as fast as it can, to the last answer on the
log. Each is an `OpenSession` of its own session. Afterwards everything is checked.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.schemas.codec import CommandRecord, raw
from autolearn.schemas.commands import OpenSession
from autolearn.schemas.messages import type_of
from tests.support.deciding_processes import Bench, deciding
from tests.support.waiting import until

PARTITIONS, COMMANDS, ROUNDS = 8, 20_000, 3
COUNTS = (1, 2, 4)


async def deciders() -> dict[str, float]:
    """Measure on a broker of its own. The rounds of what is compared alternate."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    rates: dict[int, list[float]] = {count: [] for count in COUNTS}
    with (
        tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder,
        EmbeddedBroker(install(), Path(folder) / "kafka") as broker,
    ):
        for number in range(ROUNDS):
            for count in COUNTS:
                home = Path(folder) / f"round-{number}-{count}"
                home.mkdir()
                with deciding(broker.bootstrap, home, PARTITIONS) as bench:
                    rates[count].append(rate(bench, count))
    return {
        f"decider_commands_per_s_{count}": statistics.median(found)
        for count, found in rates.items()
    }


def rate(bench: Bench, count: int) -> float:
    """Have so many processes share the partitions; return how many commands they answer a second.

    All have claimed their partitions before the clock starts, so that nobody starts later than the
    others.
    """
    processes = [bench.process(str(number)) for number in range(count)]
    until(lambda: all(process.claimed() for process in processes), seconds=120)
    until(lambda: settled(bench, PARTITIONS), seconds=120)
    terms = bench.events()
    began = time.perf_counter()
    bench.send(*(command(str(uuid.uuid4())) for _ in range(COMMANDS)))
    bench.flush()
    until(lambda: bench.events() >= terms + COMMANDS, seconds=300)
    seconds = time.perf_counter() - began
    bench.answered(COMMANDS)
    return COMMANDS / seconds


def settled(bench: Bench, partitions: int) -> bool:
    """Say whether every partition is claimed, and none was claimed in the last second."""
    before = bench.events()
    time.sleep(1.0)
    return partitions <= before == bench.events()


def command(session: str) -> CommandRecord:
    """Return what opens a session."""
    return CommandRecord(
        id=str(uuid.uuid4()),
        source="bench",
        type=type_of(OpenSession),
        subject=f"session/{session}",
        time="2026-01-01T00:00:00.000Z",
        data=raw(OpenSession("bench")),
    )

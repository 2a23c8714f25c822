"""The main job's figures: commands, trainings, memory and start of the whole system."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import psutil

from autolearn.client.local.system import System
from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.client.sdk.sessions import AsyncSessionHandle
from autolearn.schemas.settings import Settings
from tests.bench.floor import floor_ms
from tests.support.settings import settings_of

Connect: TypeAlias = Callable[[], AsyncAutoLearn]

SLOTS = 2
WARM, ROUNDS, EACH = 1000, 5, 500
TRAINING = ("decision-tree", "iris")
"""Its fit takes about 5 ms."""


async def main_job() -> dict[str, float]:
    """Measure one system from its first start to its last, with everything on, as it is by default.

    It is asked by our own client: sealed, with a token. Rounds of commands and of the least that
    Kafka needs for one (`floor_ms`) take turns.
    """
    figures: dict[str, float] = {}
    async with home() as settings:
        async with System(settings) as system:
            client = partial(AsyncAutoLearn, system.url, token=system.token)
            figures |= await one_client(client, settings)
            figures["commands_per_s_20_clients"] = await many_clients(client)
            figures["training_overhead_p50_ms"] = await training_overhead(client)
            figures["short_trainings_ratio"] = await short_trainings(client)
            await asyncio.sleep(5)
            figures["rest_pss_mb"] = await asyncio.to_thread(pss_mb)
        figures["up_ready_s"] = statistics.median([await ready(settings) for _ in range(3)])
    return figures


@asynccontextmanager
async def home(auth: str = "tokens") -> AsyncIterator[Settings]:
    """Settings on a folder of its own, which is deleted afterwards."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="autolearn-bench-"))
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")  # where the first user's token is kept
    try:
        bounds = {"quota_sessions": 10**9, "quota_requests": 10**6}
        yield settings_of(home=str(folder / "home"), api_port=0, slots=SLOTS, auth=auth, **bounds)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


async def one_client(connect: Connect, settings: Settings) -> dict[str, float]:
    """The time of opening a session, one after the other, beside the least that it can take."""
    times: list[float] = []
    floors: list[float] = []
    async with connect() as client:
        await timed(client, WARM)
        for _ in range(ROUNDS):
            floors.append(await asyncio.to_thread(floor_ms, settings))
            times += await timed(client, EACH)
    times.sort()
    floor, p50 = statistics.median(floors), times[len(times) // 2] * 1000
    return {
        "command_p50_ms": p50,
        "command_p99_ms": times[len(times) * 99 // 100] * 1000,
        "log_floor_ms": floor,
        "command_vs_log_floor": p50 / floor,
    }


async def timed(client: AsyncAutoLearn, count: int) -> list[float]:
    """The seconds of opening a session, each of so many."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await client.sessions.open("bench")
        times.append(time.perf_counter() - began)
    return times


async def many_clients(
    connect: Connect, clients: int = 20, warm: float = 2, seconds: float = 8
) -> float:
    """How many sessions are opened each second by clients that do it all the time."""
    began = time.perf_counter() + warm
    opened = 0

    async def open_sessions() -> None:
        nonlocal opened
        async with connect() as client:
            while (now := time.perf_counter()) < began + seconds:
                await client.sessions.open("bench")
                opened += now >= began

    await asyncio.gather(*(open_sessions() for _ in range(clients)))
    return opened / (time.perf_counter() - began)


async def training_overhead(connect: Connect, warm: int = 10, count: int = 100) -> float:
    """What a training takes, waited for, that is not its fit: the median, in milliseconds."""
    overheads = []
    async with connect() as client:
        session = await client.sessions.open("bench")
        for seed in range(warm + count):
            began = time.perf_counter()
            took = await fit(session, seed)
            overheads.append(time.perf_counter() - began - took)
    return statistics.median(overheads[warm:]) * 1000


async def short_trainings(connect: Connect, count: int = 50) -> float:
    """The time of trainings that are asked for all at once, against the fits alone."""
    async with connect() as client:
        session = await client.sessions.open("bench")
        began = time.perf_counter()
        fits = await asyncio.gather(*(fit(session, seed) for seed in range(count)))
        took = time.perf_counter() - began
    return took / (sum(fits) / SLOTS)


async def ready(settings: Settings) -> float:
    """Start the system, stop it, and return the seconds until it was ready."""
    began = time.perf_counter()
    async with System(settings):
        return time.perf_counter() - began


async def fit(session: AsyncSessionHandle, seed: int) -> float:
    """Train, wait for it, and return the seconds that the fit took in the run's own process."""
    run = await session.train(*TRAINING, seed=seed, wait=60)
    assert run.status == "completed", run
    assert run.fit_seconds is not None
    return run.fit_seconds


def pss_mb() -> float:
    """The memory of the system: of this process, which is its parent, and all below it."""
    this = psutil.Process()
    total: int = sum(p.memory_full_info().pss for p in [this, *this.children(recursive=True)])
    return total / 2**20

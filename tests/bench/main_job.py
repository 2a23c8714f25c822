"""The main job's figures: commands, trainings, memory and start of the whole system."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from autolearn.client.system import System
from autolearn.schemas.settings import Settings
from tests.bench.light import Client

__all__ = ["main_job"]

SLOTS = 2
SESSION = {"title": "bench"}
TRAINING = {"model": "decision-tree", "dataset": "iris"}
"""Its fit takes about 5 ms."""


async def main_job() -> dict[str, float]:
    """Measure one system from its first start to its last."""
    figures: dict[str, float] = {}
    async with home() as settings:
        async with System(settings) as system:
            figures |= await one_client(system.url)
            figures["commands_per_s_20_clients"] = await many_clients(system.url)
            figures["training_overhead_p50_ms"] = await training_overhead(system.url)
            figures["short_trainings_ratio"] = await short_trainings(system.url)
            await asyncio.sleep(5)
            figures["rest_pss_mb"] = await asyncio.to_thread(pss_mb)
        figures["up_ready_s"] = statistics.median([await ready(settings) for _ in range(3)])
    return figures


@asynccontextmanager
async def home() -> AsyncIterator[Settings]:
    """Settings on a folder of its own, which is deleted afterwards."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="autolearn-bench-"))
    try:
        yield Settings(home=str(folder), api_port=0, slots=SLOTS, auth="none", quota_sessions=10**9)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


async def one_client(url: str, warm: int = 1000, count: int = 3000) -> dict[str, float]:
    """The time of opening a session, one after the other."""
    client = await Client.connect(url)
    for _ in range(warm):
        await client.post("/v1/sessions", SESSION)
    times = sorted([await timed(client, "/v1/sessions", SESSION) for _ in range(count)])
    client.close()
    return {
        "command_p50_ms": times[count // 2] * 1000,
        "command_p99_ms": times[count * 99 // 100] * 1000,
    }


async def many_clients(url: str, clients: int = 20, warm: float = 2, seconds: float = 8) -> float:
    """How many sessions are opened each second by clients that do it all the time."""
    began = time.perf_counter() + warm
    opened = 0

    async def open_sessions() -> None:
        nonlocal opened
        client = await Client.connect(url)
        while (now := time.perf_counter()) < began + seconds:
            await client.post("/v1/sessions", SESSION)
            opened += now >= began
        client.close()

    await asyncio.gather(*(open_sessions() for _ in range(clients)))
    return opened / (time.perf_counter() - began)


async def training_overhead(url: str, warm: int = 10, count: int = 100) -> float:
    """What a training takes, waited for, that is not its fit: the median, in milliseconds."""
    client = await Client.connect(url)
    trainings = await new_trainings(client)
    overheads = []
    for number in range(warm + count):
        began = time.perf_counter()
        took = await fit(client, trainings, number)
        overheads.append(time.perf_counter() - began - took)
    client.close()
    return statistics.median(overheads[warm:]) * 1000


async def short_trainings(url: str, count: int = 50) -> float:
    """The time of trainings that are asked for all at once, against the fits alone."""
    clients = await asyncio.gather(*(Client.connect(url) for _ in range(count)))
    trainings = await new_trainings(clients[0])
    began = time.perf_counter()
    fits = await asyncio.gather(*(fit(c, trainings, seed) for seed, c in enumerate(clients)))
    took = time.perf_counter() - began
    for client in clients:
        client.close()
    return took / (sum(fits) / SLOTS)


async def ready(settings: Settings) -> float:
    """Start the system, stop it, and return the seconds until it was ready."""
    began = time.perf_counter()
    async with System(settings):
        return time.perf_counter() - began


async def timed(client: Client, path: str, body: Any) -> float:
    began = time.perf_counter()
    await client.post(path, body)
    return time.perf_counter() - began


async def new_trainings(client: Client) -> str:
    """Open a session; return the path of its trainings."""
    session = await client.post("/v1/sessions", SESSION)
    return f"/v1/sessions/{session['id']}/trainings"


async def fit(client: Client, trainings: str, seed: int) -> float:
    """Train, wait for it, and return the seconds that the fit took in the run's own process."""
    run = await client.post(trainings, {**TRAINING, "seed": seed}, {"prefer": "wait=60"})
    assert run["status"] == "completed", run
    return float(run["fit_seconds"])


def pss_mb() -> float:
    """The memory of the system: of this process, which is its parent, and all below it."""
    this = psutil.Process()
    total: int = sum(p.memory_full_info().pss for p in [this, *this.children(recursive=True)])
    return total / 2**20

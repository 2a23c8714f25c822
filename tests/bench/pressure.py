"""An API process that is asked for more than the deciders do: memory, refusals, recovery."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

from autolearn.client.local.system import System
from tests.bench.light import Client
from tests.bench.main_job import home

CLIENTS, WAITING = 200, 1200
AT_ONCE = {"prefer": "respond-async"}
SECONDS = 8.0


class Memory:
    """The peak memory of a process, looked at all the time."""

    def __init__(self, process: psutil.Process) -> None:
        self.process, self.peak = process, 0.0

    def now(self) -> float:
        """The memory now, in MiB."""
        found: float = self.process.memory_full_info().pss / 2**20
        self.peak = max(self.peak, found)
        return found

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Memory]:
        """Look five times a second; the peak counts from here."""

        async def watch() -> None:
            while True:
                await asyncio.to_thread(self.now)
                await asyncio.sleep(0.2)

        self.peak = 0.0
        task = asyncio.create_task(watch())
        try:
            yield self
        finally:
            task.cancel()


class Flood:
    """Clients that open sessions as fast as they are answered; `times` are those of refusals."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = clients
        self.statuses: Counter[int] = Counter()
        self.times: list[float] = []

    async def last(self, seconds: float) -> None:
        """Go on for so long."""
        until = time.perf_counter() + seconds
        await asyncio.gather(*(self.post(client, until) for client in self.clients))

    async def until_refused(self) -> None:
        """Go on until everything is refused."""
        taken = -1
        while taken < self.statuses[202]:
            taken = self.statuses[202]
            await self.last(1.0)

    async def post(self, client: Client, until: float) -> None:
        while (began := time.perf_counter()) < until:
            status = await client.status("POST", "/v1/sessions", AT_ONCE)
            self.statuses[status] += 1
            if status == 503:
                self.times.append(time.perf_counter() - began)


async def pressure() -> dict[str, float]:
    """Measure one system with its deciders stopped."""
    async with home("none") as settings, System(settings) as system:
        deciders = system.processes["agents"].pid
        memory = Memory(psutil.Process(system.processes["api"].pid))
        figures = {"pressure_rest_pss_mb": await asyncio.to_thread(memory.now)}
        os.kill(deciders, signal.SIGSTOP)
        try:
            figures |= await crowded(system.url, memory)
            figures |= await flooded(system.url, memory)
        finally:
            os.kill(deciders, signal.SIGCONT)
        figures["pressure_drained_s"] = await drained(system.url)
    return figures


async def flooded(url: str, memory: Memory) -> dict[str, float]:
    """200 clients that do not wait for answers."""
    flood = Flood([await Client.connect(url) for _ in range(CLIENTS)])
    async with memory.watched():
        await flood.until_refused()
        early = await asyncio.to_thread(memory.now)
        refused = flood.statuses[503]
        flood.times.clear()
        reads = asyncio.create_task(read(url, SECONDS))
        await flood.last(SECONDS)
        late = await asyncio.to_thread(memory.now)
    for client in flood.clients:
        client.close()
    assert set(flood.statuses) == {202, 503}, flood.statuses
    return {
        "pressure_peak_pss_mb": memory.peak,
        "pressure_late_growth_mb": late - early,
        "pressure_accepted": flood.statuses[202],
        "pressure_refusals_per_s": (flood.statuses[503] - refused) / SECONDS,
        "pressure_refusal_p99_ms": p99(flood.times) * 1000,
        "pressure_read_p99_ms": p99(await reads) * 1000,
    }


async def crowded(url: str, memory: Memory) -> dict[str, float]:
    """More clients than may wait, each for a session of its own."""
    clients = [await Client.connect(url) for _ in range(WAITING)]
    headers = {"prefer": "wait=3"}
    async with memory.watched():
        statuses = Counter(
            await asyncio.gather(*(c.status("POST", "/v1/sessions", headers) for c in clients))
        )
    for client in clients:
        client.close()
    return {"pressure_waiting_peak_pss_mb": memory.peak, "pressure_waiting_refused": statuses[429]}


async def read(url: str, seconds: float) -> list[float]:
    """The times of reads, one after the other."""
    client, times = await Client.connect(url), []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        await client.get("/v1/catalog/estimators")
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    client.close()
    return times


async def drained(url: str) -> float:
    """How long it takes until a new command is answered: all before it are decided then."""
    began, client = time.perf_counter(), await Client.connect(url)
    status = 0
    while status != 201:
        status = await client.status("POST", "/v1/sessions", {"prefer": "wait=300"})
        await asyncio.sleep(0.1)
    client.close()
    return time.perf_counter() - began


def p99(times: list[float]) -> float:
    """The time that 99 of 100 do not exceed."""
    return sorted(times)[len(times) * 99 // 100]

"""The feed's figures: how soon an event is there, and what those who follow cost."""

from __future__ import annotations

import asyncio
import statistics
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psutil

from autolearn.client.local.system import System
from autolearn.client.sdk.client import AsyncAutoLearn
from tests.bench.light import Client
from tests.bench.main_job import home, many_clients

FOLLOWERS = 100


class Follower(asyncio.Protocol):
    """One client of the feed; it counts, and notes when something came."""

    def __init__(self) -> None:
        self.events, self.came = 0, 0.0
        self.news = asyncio.Event()

    @classmethod
    async def connect(cls, url: str, query: str) -> Follower:
        """Follow at `url`; return when the stream has begun."""
        at = urlsplit(url)
        follower = cls()
        await asyncio.get_running_loop().create_connection(lambda: follower, at.hostname, at.port)
        head = "Host: localhost\r\nAccept: text/event-stream"
        request = f"GET /v1/events?{query} HTTP/1.1\r\n{head}\r\n\r\n"
        follower.transport.write(request.encode())
        await follower.begun
        return follower

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.came = time.perf_counter()
        self.events += data.count(b"\ndata: ")
        self.news.set()
        if not self.begun.done() and b"retry:" in data:
            self.begun.set_result(None)

    async def until(self, events: int) -> None:
        """Wait until so many events have come."""
        while self.events < events:
            self.news.clear()
            await self.news.wait()


async def feed() -> dict[str, float]:
    """Measure one system."""
    figures: dict[str, float] = {}
    async with home("none") as settings, System(settings) as system:
        url = system.url
        connect = partial(AsyncAutoLearn, url, token="", seal=False)
        api = psutil.Process(system.processes["api"].pid)
        figures["feed_latency_p50_ms"] = await latency(url)
        await many_clients(connect, warm=2, seconds=2)
        rates: dict[str, list[float]] = {"none": [], "idle": [], "all": []}
        for _ in range(3):
            rates["none"].append(await many_clients(connect, warm=0.5, seconds=4))
            for name, query in (("idle", "after=now&stream=dataset/iris"), ("all", "after=now")):
                before = api.memory_full_info().pss
                followers = [await Follower.connect(url, query) for _ in range(FOLLOWERS)]
                if name == "idle":
                    more = api.memory_full_info().pss - before
                    figures.setdefault("feed_idle_follower_kb", more / FOLLOWERS / 1024)
                    figures.setdefault("feed_idle_100_cpu_percent", await used(api))
                rates[name].append(await many_clients(connect, warm=0.5, seconds=4))
                for follower in followers:
                    follower.transport.abort()
        for name, found in rates.items():
            figures[f"feed_commands_per_s_{name}"] = statistics.median(found)
        figures["feed_catch_up_events_per_s"] = await catch_up(url)
    return figures


async def latency(url: str, warm: int = 300, count: int = 1000) -> float:
    """The time from a command's answer to its event on the feed, in ms: median."""
    client = await Client.connect(url)
    follower = await Follower.connect(url, "after=now")
    times = []
    for n in range(warm + count):
        await client.post("/v1/sessions", {"title": "bench"})
        answered = time.perf_counter()
        await follower.until(n + 1)
        times.append(follower.came - answered)
    follower.transport.abort()
    client.close()
    return statistics.median(times[warm:]) * 1000


async def used(api: psutil.Process, seconds: float = 5.0) -> float:
    """The share of a core that a process uses now, in percent."""
    api.cpu_percent()
    await asyncio.sleep(seconds)
    return api.cpu_percent()


async def catch_up(url: str) -> float:
    """How many events a second one client gets that begins at the first."""
    began = time.perf_counter()
    follower = await Follower.connect(url, "")
    events = -1
    while events < follower.events:  # until nothing came for a while
        events = follower.events
        await asyncio.sleep(0.5)
    follower.transport.abort()
    return follower.events / (follower.came - began)

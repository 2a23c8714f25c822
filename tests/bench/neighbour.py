"""What a user notices of another one who means no good, on one `autolearn up`, over real HTTP.

Ada opens a session and discards it, again and again, alone and beside eve. Eve, a process of her
own at the lowest priority, for she would have a machine of her own, does all at once: uploads,
10,000 trainings, huge lists, differences and events from the first on, large bodies that come
slowly, with her token and without.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from autolearn.client.local.system import System
from autolearn.client.sdk.client import AsyncAutoLearn
from tests.bench.light import Client
from tests.support.settings import settings_of

WARM, COUNT = 50, 300
"""Sessions that ada opens and discards before she is measured, and while she is."""
PAUSE = 0.01
RUNS, AT_ONCE = 10_000, 20
SLOW = 100
"""Slow connections of each kind: with a token, and two kinds without."""
SETTLE = 5.0
"""Seconds in which eve begins, before ada is measured."""


async def neighbour() -> dict[str, float]:
    """Measure ada alone and beside eve."""
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        os.environ["XDG_CONFIG_HOME"] = str(Path(folder) / "config")
        async with System(settings_of(home=str(Path(folder) / "home"), api_port=0)) as system:
            return await measured(system.url, system.token)


async def measured(url: str, sysadmin: str) -> dict[str, float]:
    """Measure on a system that runs."""
    async with AsyncAutoLearn(url, token=sysadmin, seal=False) as admin:
        words = {name: await token_of(admin, name) for name in ("ada", "eve")}
        await admin.set_quota("ada", "requests", 10**6)
    await commands(url, words["ada"], WARM)
    alone = p99(await commands(url, words["ada"], COUNT))
    eve = await asyncio.create_subprocess_exec(
        *("nice", "-n", "19", sys.executable, "-m", "tests.bench.neighbour"),
        *(url, words["eve"]),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await asyncio.sleep(SETTLE)
        beside = p99(await commands(url, words["ada"], COUNT))
    finally:
        eve.terminate()
    said, _ = await eve.communicate()
    done = msgspec.json.decode(said.splitlines()[-1], type=dict[str, int])
    print(f"eve: {done}", flush=True)
    return {
        "neighbour_alone_p99_ms": alone * 1000,
        "neighbour_beside_p99_ms": beside * 1000,
        "neighbour_p99_ratio": beside / alone,
        "neighbour_hostile_requests": sum(done.values()),
    }


async def token_of(admin: AsyncAutoLearn, name: str) -> str:
    """Add a user; return a token."""
    password = f"{name} has a password"
    await admin.add_user(name, password=password)
    return (await admin.login(name, password)).token


async def commands(url: str, token: str, count: int) -> list[float]:
    """The seconds of each command of a user who opens sessions and discards them."""
    client, headers = await Client.connect(url), {"authorization": f"Bearer {token}"}
    times = []
    for _ in range(count):
        began = time.perf_counter()
        session = await client.post("/v1/sessions", {"title": "mine"}, headers)
        times.append(time.perf_counter() - began)
        at = f"/v1/sessions/{session['id']}/discard"
        began = time.perf_counter()
        await client.ask("POST", at, b"", headers, 200)
        times.append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE)
    client.close()
    return times


def p99(times: list[float]) -> float:
    """The time that 99 of 100 stay below."""
    return sorted(times)[len(times) * 99 // 100]


# Eve


class Eve:
    """Does whatever she may, as fast as she may; counts what she was answered."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self.headers = {"Authorization": f"Bearer {token}"}
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        self.http = httpx.AsyncClient(base_url=url, headers=self.headers, timeout=60, limits=limits)
        self.answers: Counter[str] = Counter()

    async def ask(self, method: str, path: str, **given: object) -> httpx.Response | None:
        """Send a request; None: the connection was lost."""
        try:
            answer = await self.http.request(method, path, **given)  # type: ignore[arg-type]
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return None
        self.answers[str(answer.status_code)] += 1
        return answer

    async def upload(self) -> None:
        """Upload a dataset of some megabytes, another each time."""
        for number in range(10**9):
            rows = b"".join(b"%d,%d,%d\n" % (n, n * number, n % 3) for n in range(100_000))
            await self.ask("PUT", f"/v1/catalog/datasets/eve-{number}", content=b"a,b,c\n" + rows)

    async def train(self) -> None:
        """Ask for very many trainings."""
        opened = await self.ask("POST", "/v1/sessions")
        while opened is None or opened.status_code != 201:
            await asyncio.sleep(0.1)
            opened = await self.ask("POST", "/v1/sessions")
        at = f"/v1/sessions/{opened.json()['id']}/trainings"
        body = {"estimator": "random-forest", "dataset": "breast-cancer"}
        for _ in range(RUNS // AT_ONCE):
            await self.ask("POST", at, json=body, headers={"Prefer": "respond-async"})

    async def read(self) -> None:
        """Ask for the largest answers that there are."""
        at = await self.ask("GET", "/v1/position")
        while at is None or at.status_code != 200:
            await asyncio.sleep(0.1)
            at = await self.ask("GET", "/v1/position")
        first = at.json()["token"]
        while True:
            for path in (
                "/v1/sessions?limit=500",
                "/v1/catalog/datasets?limit=500",
                "/v1/events?limit=1000",
                f"/v1/diff?from={first}&limit=100",
            ):
                await self.ask("GET", path)

    async def dawdle(self, path: str, media: str, *, known: bool) -> None:
        """Send large bodies slowly, on one connection after the other."""
        at = urlsplit(self.url)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\n"
        head += f"Authorization: Bearer {self.token}\r\n" if known else ""
        while True:
            answered = None
            try:
                reader, writer = await asyncio.open_connection(at.hostname, at.port)
                answered = asyncio.create_task(reader.read())
                writer.write(f"{head}Content-Length: 4000000\r\n\r\n".encode() + b" " * 15_000)
                while not answered.done():
                    writer.write(b" " * 1000)
                    await writer.drain()
                    await asyncio.wait([answered], timeout=1)
                writer.close()
                self.answers[answered.result()[9:12].decode() or "cut"] += 1
            except OSError as error:
                self.answers[type(error).__name__] += 1
                if answered is not None:
                    await asyncio.gather(answered, return_exceptions=True)
            await asyncio.sleep(0.1)

    async def everything(self) -> None:
        """Do it all, until told to stop."""
        json, jose = "application/json", "application/jose"
        slow: list[Callable[[], Awaitable[None]]] = [
            lambda: self.dawdle("/v1/sessions", json, known=True),
            lambda: self.dawdle("/v1/login", json, known=False),
            lambda: self.dawdle("/v1/sessions", jose, known=False),
        ]
        many = [self.upload] * 4 + [self.train] * AT_ONCE + [self.read] * 8 + slow * SLOW
        await asyncio.gather(*(one() for one in many))


async def hostile(url: str, token: str) -> None:
    """Be eve until SIGTERM; then say how often she was answered what."""
    import signal

    eve, stopped = Eve(url, token), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    task = asyncio.create_task(eve.everything())
    over = asyncio.create_task(stopped.wait())
    await asyncio.wait([task, over], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    print(msgspec.json.encode(eve.answers).decode(), flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(hostile(*sys.argv[1:3]))

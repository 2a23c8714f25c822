"""What it costs to seal: commands by our own client, sealed and plain in turns, and each step.

`python -m tests.bench.sealed_requests` prints it, on a system of its own.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.security.request_jwe import (
    Answering,
    Opening,
    Sealed,
    new_key,
    open_request,
    public_jwk,
    public_key,
    seal_request,
)
from tests.support.running_system import running_system

ROUNDS, EACH = 10, 50


def steps() -> dict[str, float]:
    """Microseconds of each step of a request and its answer, at best."""
    server, mine, jti = new_key(), new_key(), secrets.token_urlsafe(18)
    jwk = public_jwk(mine)
    token = f"Bearer al_{'0' * 16}_{'A' * 43}"
    request = Sealed("POST", "/v1/sessions", 1_800_000_000, jti, jwk, token, jti)
    sealed = seal_request(request, server, "k")
    body = json.dumps({"id": "x" * 36, "title": "", "links": {"self": "x" * 60}} | jwk).encode()
    answer = Answering(mine, jti, 201, "application/json").lines(body, last=True)
    return {
        "client_key_us": best(lambda: public_jwk(new_key())),
        "client_seal_us": best(lambda: seal_request(request, server, "k")),
        "server_open_us": best(lambda: open_request(sealed, lambda _: server)),
        "server_seal_us": best(
            lambda: Answering(public_key(jwk), jti, 201, "application/json").lines(body, last=True)
        ),
        "client_open_us": best(lambda: list(Opening(mine, jti).feed(answer))),
    }


def best(do: Callable[[], object], rounds: int = 20, each: int = 100) -> float:
    """The time of the quickest round, in microseconds per call."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(each):
            do()
        times.append((time.perf_counter() - began) / each)
    return round(min(times) * 1e6, 1)


async def commands(url: str) -> dict[str, float]:
    """Median milliseconds of a command by our client, sealed and plain."""
    times: dict[bool, list[float]] = {True: [], False: []}
    async with AsyncAutoLearn(url, seal=True) as sealed, AsyncAutoLearn(url, seal=False) as plain:
        for _ in range(ROUNDS):
            for seal, client in ((True, sealed), (False, plain)):
                for _ in range(EACH):
                    began = time.perf_counter()
                    await client.sessions.open()
                    times[seal].append(time.perf_counter() - began)
    sealed_ms, plain_ms = (statistics.median(times[seal]) * 1000 for seal in (True, False))
    return {
        "sealed_command_p50_ms": round(sealed_ms, 2),
        "plain_command_p50_ms": round(plain_ms, 2),
        "sealed_vs_plain_command_p50": round(sealed_ms / plain_ms, 3),
    }


def main() -> None:
    """Measure, and print."""
    print(steps())
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder)
        with (
            EmbeddedBroker(install(), place / "kafka") as broker,
            running_system(broker.bootstrap, place / "home") as system,
        ):
            print(asyncio.run(commands(system.system.url)))


if __name__ == "__main__":
    main()

"""A load generator for one HTTP request, the same for every server: keep-alive, no client library.

    python -m tests.bench.serving.load HOST PORT CLIENTS SECONDS < request

It prints JSON: the answers, the errors, the rate, and latencies in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop


class _Client(asyncio.Protocol):
    """One connection, which asks again as soon as it has the whole answer."""

    def __init__(self, request: bytes, until: float, done: asyncio.Future[None]) -> None:
        self.request, self.until, self.done = request, until, done
        self.latencies: list[float] = []
        self.errors = 0
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.ask()

    def ask(self) -> None:
        self.received.clear()
        self.began = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.received[:end]).lower()
        at = head.find(b"content-length:")
        if at < 0:
            chunked = b"transfer-encoding: chunked" in head
            if not chunked or not self.received.endswith(b"0\r\n\r\n"):
                return
        else:
            line = head[at + 15 :].partition(b"\r\n")[0]
            if len(self.received) < end + 4 + int(line):
                return
        now = time.perf_counter()
        self.latencies.append(now - self.began)
        self.errors += not head.startswith(b"http/1.1 200")
        if now >= self.until:
            self.transport.close()
        else:
            self.ask()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def load(
    host: str, port: int, clients: int, seconds: float, request: bytes
) -> dict[str, float]:
    """Ask with so many connections for so long; return the figures."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    ends, protocols = [], []
    for _ in range(clients):
        done = loop.create_future()
        client = _Client(request, began + seconds, done)
        await loop.create_connection(lambda client=client: client, host, port)  # type: ignore[misc]
        ends.append(done)
        protocols.append(client)
    await asyncio.gather(*ends)
    took = time.perf_counter() - began
    latencies = sorted(one for client in protocols for one in client.latencies)
    many = len(latencies)
    return {
        "answers": many,
        "errors": sum(client.errors for client in protocols),
        "per_second": many / took,
        "p50_ms": 1000 * latencies[many // 2],
        "p99_ms": 1000 * latencies[int(many * 0.99)],
    }


if __name__ == "__main__":
    host, port, clients, seconds = sys.argv[1:]
    said = uvloop.run(load(host, int(port), int(clients), float(seconds), sys.stdin.buffer.read()))
    print(json.dumps(said))

"""A light HTTP/1.1 client: one connection that is kept alive, and hardly any time of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec


class Client(asyncio.Protocol):
    """One request at a time; answers must have a Content-Length, as ours do."""

    @classmethod
    async def connect(cls, url: str) -> Client:
        """Return a client of the server at `url`."""
        at = urlsplit(url)
        client = cls()
        await asyncio.get_running_loop().create_connection(lambda: client, at.hostname, at.port)
        return client

    def connection_made(self, transport: Any) -> None:
        self.transport, self.received = transport, b""
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r")[0]):
            self.answer.set_result(self.received)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error or ConnectionError("the server hung up"))

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """Post a body as JSON and return that of the answer, which must be 201."""
        content = msgspec.json.encode(body)
        more = {"content-type": "application/json", **(headers or {})}
        return msgspec.json.decode(await self.ask("POST", path, content, more, 201))

    async def get(self, path: str) -> bytes:
        """Return the body of what is at a path, which must be 200."""
        return await self.ask("GET", path, b"", {}, 200)

    async def ask(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str], status: int
    ) -> bytes:
        """Send a request; return the body of its answer, which must have this status."""
        answer = await self.exchange(method, path, content, headers)
        assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer.decode()
        return answer.partition(b"\r\n\r\n")[2]

    async def status(self, method: str, path: str, headers: Mapping[str, str]) -> int:
        """Send a request without a body, and return the status of its answer."""
        answer = await self.exchange(method, path, b"", headers)
        return int(answer.split(maxsplit=2)[1])

    async def exchange(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> bytes:
        """Send a request, and return all of its answer."""
        lines = [f"{method} {path} HTTP/1.1", "host: localhost"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.received, self.answer = b"", asyncio.get_running_loop().create_future()
        head = "\r\n".join([*lines, f"content-length: {len(content)}", "\r\n"])
        self.transport.write(head.encode() + content)
        return await self.answer

    def close(self) -> None:
        self.transport.close()

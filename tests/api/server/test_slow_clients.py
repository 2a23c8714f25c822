"""Clients that dawdle or say too much lose their connection; others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from autolearn.api.server.connection import HttpConnection
from autolearn.api.server.slow_clients import LONGEST_HEAD


class Hasty(HttpConnection):
    head_patience, body_patience = 0.3, 0.3
    least = 100
    most = 5


Ask = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def app(scope: Any, receive: Any, send: Any) -> None:
    request = Request(scope, receive)
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    if request.url.path == "/slow":
        await asyncio.sleep(1)
    await Response(str(len(body)))(scope, receive, send)


@asynccontextmanager
async def server() -> AsyncIterator[Ask]:
    config = uvicorn.Config(app, port=0, http=Hasty, lifespan="off", log_config=None)
    running = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen()
    task = asyncio.create_task(running.serve([listening]))
    port = listening.getsockname()[1]
    writers = []

    async def ask() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    try:
        async with asyncio.timeout(20):
            yield ask
    finally:
        for writer in writers:
            writer.close()
        running.should_exit = True
        await task


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Everything until the connection is closed."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b"reset"


def story(tell: Callable[[Ask], Awaitable[None]]) -> None:
    async def told() -> None:
        async with server() as ask:
            await tell(ask)

    asyncio.run(told())


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_who_says_nothing_is_parted_from():
    async def tell(ask: Ask) -> None:
        reader, _ = await ask()
        assert await rest(reader) == b""

    story(tell)


@pytest.mark.parametrize("said", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX-A", b"\r\n"])
def test_a_head_that_does_not_end(said: bytes):
    async def tell(ask: Ask) -> None:
        reader, writer = await ask()
        writer.write(said)
        assert (await rest(reader)).startswith(b"HTTP/1.1 408 ")

    story(tell)


def test_a_head_that_trickles():
    async def tell(ask: Ask) -> None:
        reader, writer = await ask()
        answer = asyncio.create_task(rest(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        for number in range(100):
            if answer.done():
                break
            writer.write(b"X-%d: 1\r\n" % number)
            await asyncio.sleep(0.02)
        # Whoever goes on sending where nobody reads any more may lose the answer to TCP's reset.
        assert (await answer).startswith((b"HTTP/1.1 408 ", b"reset"))
        assert number < 50

    story(tell)


def test_the_second_request_of_a_connection_is_waited_for_as_long():
    async def tell(ask: Ask) -> None:
        for said in (b"GET / HT", b"\r\n"):
            reader, writer = await ask()
            writer.write(GET)
            await reader.readuntil(b"\r\n\r\n0")
            writer.write(said)
            assert (await rest(reader)).startswith(b"HTTP/1.1 408 ")

    story(tell)


def test_an_answer_may_take_its_time_and_a_connection_may_rest():
    async def tell(ask: Ask) -> None:
        reader, writer = await ask()
        for path in (b"/slow", b"/", b"/slow"):
            writer.write(GET.replace(b"/ ", path + b" ", 1))
            await reader.readuntil(b"\r\n\r\n0")
            await asyncio.sleep(0.5)

    story(tell)


@pytest.mark.parametrize("sent", [0, 1])
def test_a_body_that_trickles(sent: int):
    async def tell(ask: Ask) -> None:
        reader, writer = await ask()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        answer = asyncio.create_task(rest(reader))
        for _ in range(100):
            if answer.done():
                break
            writer.write(b"x" * sent)
            await asyncio.sleep(0.02)
        assert await answer in (b"", b"reset")

    story(tell)


def test_a_body_that_comes_at_a_fair_pace():
    async def tell(ask: Ask) -> None:
        reader, writer = await ask()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n")
        for _ in range(20):
            writer.write(b"x" * 100)
            await asyncio.sleep(0.05)
        assert (await reader.readuntil(b"2000")).startswith(b"HTTP/1.1 200 ")

    story(tell)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: a\r\n" * 125_000 + b"\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * LONGEST_HEAD + b"\r\n\r\n",
    ],
    ids=["value", "many", "path", "just"],
)
def test_a_head_that_is_too_long(head: bytes):
    async def tell(ask: Ask) -> None:
        reader, writer = await ask()
        writer.write(head)
        assert (await rest(reader)).startswith((b"HTTP/1.1 431 ", b"reset"))

    story(tell)


def test_a_head_of_60_kb_is_fine():
    async def tell(ask: Ask) -> None:
        reader, writer = await ask()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 60_000 + b"\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200 ")

    story(tell)


def test_what_is_no_http():
    async def tell(ask: Ask) -> None:
        reader, writer = await ask()
        writer.write(b"\x16\x03\x01 hello")
        answer = await rest(reader)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"urn:autolearn:problem:no-http" in answer

    story(tell)


def test_of_too_many_connections_the_slowest_goes():
    async def tell(ask: Ask) -> None:
        working, writer = await ask()
        writer.write(GET.replace(b"/ ", b"/slow ", 1))
        await asyncio.sleep(0.05)
        slow = [await ask() for _ in range(10)]
        reader, writer = await ask()
        writer.write(GET)
        assert (await reader.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200 ")
        assert await rest(slow[0][0]) in (b"", b"reset")
        assert (await working.readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200 ")

    story(tell)

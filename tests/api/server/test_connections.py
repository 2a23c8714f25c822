"""A client that takes nothing of an answer loses its connection; one that takes some does not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.responses import Response

from autolearn.api.server.connection import HttpConnection
from tests.support.waiting import soon

SIZE = 32 * 1024 * 1024
"""More than the sockets on the way take in."""


class Impatient(HttpConnection):
    patience = 0.5


@asynccontextmanager
async def server() -> AsyncIterator[tuple[uvicorn.Server, socket.socket]]:
    """A server with one large answer for everybody, and a client that has asked for it."""
    config = uvicorn.Config(
        Response(b"x" * SIZE), port=0, http=Impatient, lifespan="off", log_config=None
    )
    running = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen()
    task = asyncio.create_task(running.serve([listening]))
    client = socket.socket()
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(client, ("127.0.0.1", listening.getsockname()[1]))
        await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        yield running, client
    finally:
        client.close()
        running.should_exit = True
        await task


async def taken(client: socket.socket, pause: float) -> int:
    """Take what comes until all is there or the connection is gone."""
    loop, got = asyncio.get_running_loop(), 0
    try:
        while got < SIZE and (part := await loop.sock_recv(client, 1 << 20)):
            got += len(part)
            await asyncio.sleep(pause)
    except ConnectionResetError:
        return got
    return got


def test_who_takes_nothing_is_let_go():
    async def story() -> None:
        async with server() as (running, client):
            await soon(lambda: running.server_state.connections)
            await soon(lambda: not running.server_state.connections)
            assert await taken(client, 0) < SIZE

    asyncio.run(story())


def test_who_takes_some_at_a_time_gets_all():
    async def story() -> None:
        async with server() as (_, client), asyncio.timeout(30):
            assert await taken(client, 0.05) >= SIZE

    asyncio.run(story())

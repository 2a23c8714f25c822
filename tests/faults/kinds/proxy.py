"""A TCP proxy between processes and a broker, that can be slow, cut, or silent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any


class Proxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`, in a thread of its own.

    `latency` is in seconds, for each piece of data in either direction.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.latency = 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.writers: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="proxy", daemon=True)
        self.thread.start()
        self.server = self.do(self.listen())
        self.port: int = self.server.sockets[0].getsockname()[1]

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_server(self.forward, "127.0.0.1", 0)

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self.writers |= {writer, back}
        try:
            await asyncio.gather(self.pump(reader, back), self.pump(there, writer))
        finally:
            for each in (writer, back):
                self.writers.discard(each)
                each.close()

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Carry data one way until either end hangs up; order is kept."""
        try:
            while data := await source.read(1 << 16):
                if self.latency:
                    await asyncio.sleep(self.latency)
                await self.open.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass  # the other end is gone: so is this one
        finally:
            sink.close()

    def silence(self) -> None:
        """Let nothing through, and end no connection: half-open, as when a cable is pulled."""
        self.loop.call_soon_threadsafe(self.open.clear)

    def heal(self) -> None:
        """Carry on, and first what has piled up."""
        self.latency = 0.0
        self.loop.call_soon_threadsafe(self.open.set)

    def drop(self) -> None:
        """Cut every connection that there is."""
        self.do(self.cut())

    async def cut(self) -> None:
        for writer in list(self.writers):
            writer.transport.abort()

    def close(self) -> None:
        self.heal()
        self.server.close()
        self.drop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

"""The two thin transports that drive flows: one blocks, one awaits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

import httpx

from autolearn.client.sdk.flows import Download, Flow, Pause, Send

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Blocking | Awaiting")
BLOCK = 1 << 18


class Blocking:
    """Drives flows with a blocking client."""

    http: httpx.Client

    def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        step, failure = next(flow), None
        while True:
            result: httpx.Response | None = None
            failure = None
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            else:
                try:
                    result = self.send(step)
                except httpx.TransportError as error:
                    failure = error
            try:
                step = flow.throw(failure) if failure is not None else flow.send(result)
            except StopIteration as end:
                value: T = end.value
                return value

    def send(self, step: Send) -> httpx.Response:
        """Send one request."""
        if step.into is not None:
            return self.receive(step, step.into)
        if not isinstance(step.content, Path):
            return self.http.request(**_arguments(step), content=step.content)
        with step.content.open("rb") as file:
            return self.http.request(
                **_arguments(step), content=iter(lambda: file.read(BLOCK), b"")
            )

    def receive(self, step: Send, into: Download) -> httpx.Response:
        """Send one request whose answer goes into a file, if it succeeds."""
        with self.http.stream(**_arguments(step)) as response:
            if not response.is_success:
                response.read()
                return response
            with into.begin() as add:
                for some in response.iter_bytes(BLOCK):
                    add(some)
            return response


class Awaiting:
    """Drives flows with an async client."""

    http: httpx.AsyncClient

    async def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        step, failure = next(flow), None
        while True:
            result: httpx.Response | None = None
            failure = None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                try:
                    result = await self.send(step)
                except httpx.TransportError as error:
                    failure = error
            try:
                step = flow.throw(failure) if failure is not None else flow.send(result)
            except StopIteration as end:
                value: T = end.value
                return value

    async def send(self, step: Send) -> httpx.Response:
        """Send one request."""
        if step.into is not None:
            return await self.receive(step, step.into)
        content = _chunks(step.content) if isinstance(step.content, Path) else step.content
        return await self.http.request(**_arguments(step), content=content)

    async def receive(self, step: Send, into: Download) -> httpx.Response:
        """Send one request whose answer goes into a file, if it succeeds; off the loop."""
        async with self.http.stream(**_arguments(step)) as response:
            if not response.is_success:
                await response.aread()
                return response
            with into.begin() as add:
                async for some in response.aiter_bytes(BLOCK):
                    await asyncio.to_thread(add, some)
            return response


def _arguments(step: Send) -> dict[str, Any]:
    return {
        "method": step.method,
        "url": step.path,
        "params": step.query,
        "headers": step.headers,
        "timeout": httpx.Timeout(step.timeout, connect=5.0),
    }


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, BLOCK):
            yield chunk
    finally:
        file.close()


class operation(Generic[P, T]):  # noqa: N801 - it is used as a decorator
    """A method that is defined once, as a flow, for both clients.

    On a `Blocking` it returns the flow's result, on an `Awaiting` an awaitable of it.
    """

    def __init__(self, flow: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        self.flow = flow
        self.__doc__ = flow.__doc__
        self.__name__ = flow.__name__

    @overload
    def __get__(self, client: Blocking, kind: type[Any]) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, kind: type[Any]) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, client: None, kind: type[Any]) -> operation[P, T]: ...
    def __get__(self, client: Blocking | Awaiting | None, kind: type[Any]) -> Any:
        """Return the method of one client."""
        if client is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.drive(self.flow(client, *args, **kwargs))

        method.__doc__, method.__name__ = self.__doc__, self.__name__
        return method

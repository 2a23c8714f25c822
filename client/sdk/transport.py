"""The two thin transports that drive flows: one blocks, one awaits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

import httpx

from autolearn.client.sdk.flows import Download, Flow, Pause, Send

T = TypeVar("T")
BLOCK = 1 << 18


class Blocking:
    """Drives flows with a blocking client."""

    _http: httpx.Client

    def _drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end. Whatever interrupts a step is raised into it."""
        result: httpx.Response | None = None
        failure: BaseException | None = None
        while True:
            try:
                step = flow.send(result) if failure is None else flow.throw(failure)
            except StopIteration as end:
                value: T = end.value
                return value
            result = failure = None
            try:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                else:
                    result = self._send(step)
            except BaseException as error:  # noqa: BLE001 - the flow raises it on
                failure = error

    def _send(self, step: Send) -> httpx.Response:
        """Send one request."""
        if step.into is not None:
            return self._receive(step, step.into)
        if not isinstance(step.content, Path):
            return self._http.request(**_arguments(step), content=step.content)
        with step.content.open("rb") as file:
            return self._http.request(
                **_arguments(step), content=iter(lambda: file.read(BLOCK), b"")
            )

    def _receive(self, step: Send, into: Download) -> httpx.Response:
        """Send one request whose answer goes into a file, if it succeeds."""
        with self._http.stream(**_arguments(step)) as response:
            if not response.is_success:
                response.read()
                return response
            with into.begin() as add:
                for some in response.iter_bytes(BLOCK):
                    add(some)
            return response


class Awaiting:
    """Drives flows with an async client."""

    _http: httpx.AsyncClient

    async def _drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end. Whatever interrupts a step is raised into it."""
        result: httpx.Response | None = None
        failure: BaseException | None = None
        while True:
            try:
                step = flow.send(result) if failure is None else flow.throw(failure)
            except StopIteration as end:
                value: T = end.value
                return value
            result = failure = None
            try:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                else:
                    result = await self._send(step)
            except BaseException as error:  # noqa: BLE001 - the flow raises it on
                failure = error

    async def _send(self, step: Send) -> httpx.Response:
        """Send one request."""
        if step.into is not None:
            return await self._receive(step, step.into)
        content = _chunks(step.content) if isinstance(step.content, Path) else step.content
        return await self._http.request(**_arguments(step), content=content)

    async def _receive(self, step: Send, into: Download) -> httpx.Response:
        """Send one request whose answer goes into a file, if it succeeds; off the loop."""
        async with self._http.stream(**_arguments(step)) as response:
            if not response.is_success:
                await response.aread()
                return response
            with into.begin() as add:
                async for some in response.aiter_bytes(BLOCK):
                    await asyncio.to_thread(add, some)
            return response


class BlockingPart(Blocking):
    """A part of `AutoLearn`, on the same connections."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http


class AwaitingPart(Awaiting):
    """A part of `AsyncAutoLearn`, on the same connections."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http


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

"""Drives a feed for both transports: the caller iterates over its results."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, overload

import httpx

from autolearn.client.sdk.event_feed import Entry, Feed, Listen, More
from autolearn.client.sdk.flows import Pause
from autolearn.client.sdk.operation import WrongCall, begun, like, public
from autolearn.client.sdk.transport import Awaiting, Blocking
from autolearn.schemas.errors import AutoLearnError

P = ParamSpec("P")


def _blocking(http: httpx.Client, feed: Feed) -> Iterator[Entry]:
    """Yield the results of a feed. The connection is closed when the iteration ends."""
    response: httpx.Response | None = None
    parts: Iterator[bytes] = iter(())
    try:
        step = next(feed)
        while True:
            result: object = None
            failure: httpx.TransportError | None = None
            if isinstance(step, Entry):
                yield step
            elif isinstance(step, Pause):
                time.sleep(step.seconds)
            else:
                try:
                    if isinstance(step, More):
                        result = next(parts, None)
                    else:
                        if response is not None:
                            response.close()
                        result = response = http.send(_request(http, step), stream=True)
                        parts = response.iter_bytes()
                        if response.status_code != 200:
                            response.read()
                except httpx.TransportError as error:
                    failure = error
            step = feed.throw(failure) if failure is not None else feed.send(result)
    except AutoLearnError as error:
        raise public(error) from None
    finally:
        if response is not None:
            response.close()


async def _awaiting(http: httpx.AsyncClient, feed: Feed) -> AsyncIterator[Entry]:
    """Yield the results of a feed. The connection is closed when the iteration ends."""
    response: httpx.Response | None = None
    parts: AsyncIterator[bytes] | None = None
    try:
        step = next(feed)
        while True:
            result: object = None
            failure: httpx.TransportError | None = None
            if isinstance(step, Entry):
                yield step
            elif isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                try:
                    if isinstance(step, More):
                        assert parts is not None
                        result = await anext(parts, None)
                    else:
                        if response is not None:
                            await response.aclose()
                        result = response = await http.send(_request(http, step), stream=True)
                        parts = response.aiter_bytes()
                        if response.status_code != 200:
                            await response.aread()
                except httpx.TransportError as error:
                    failure = error
            step = feed.throw(failure) if failure is not None else feed.send(result)
    except AutoLearnError as error:
        raise public(error) from None
    finally:
        if response is not None:
            await response.aclose()


def _request(http: httpx.Client | httpx.AsyncClient, step: Listen) -> httpx.Request:
    """Return the request of a step."""
    timeout = httpx.Timeout(step.timeout, connect=5.0)
    return http.build_request(
        "GET", step.path, params=step.query, headers=step.headers, timeout=timeout
    )


class subscription(Generic[P]):  # noqa: N801 - it is used as a decorator
    """A method that is defined once, as a feed, for both clients.

    On a `Blocking` it returns an iterator of entries, on an `Awaiting` an async one.
    """

    def __init__(self, feed: Callable[Concatenate[Any, P], Feed]) -> None:
        self.feed = feed
        self.__doc__ = feed.__doc__

    @overload
    def __get__(self, client: Blocking, kind: type[Any]) -> Callable[P, Iterator[Entry]]: ...
    @overload
    def __get__(self, client: Awaiting, kind: type[Any]) -> Callable[P, AsyncIterator[Entry]]: ...
    @overload
    def __get__(self, client: None, kind: type[Any]) -> Callable[..., Any]: ...
    def __get__(self, client: Blocking | Awaiting | None, kind: type[Any]) -> Any:
        """Return the method of one client, or the function of a class."""
        function = self._awaiting if issubclass(kind, Awaiting) else self._blocking
        return function if client is None else MethodType(function, client)

    @functools.cached_property
    def _blocking(self) -> Callable[..., Any]:
        def method(client: Blocking, *args: Any, **kwargs: Any) -> Iterator[Entry]:
            try:
                return _blocking(client._http, begun(self.feed, client, *args, **kwargs))
            except WrongCall as error:
                raise public(error) from None

        return like(method, self.feed, Blocking)

    @functools.cached_property
    def _awaiting(self) -> Callable[..., Any]:
        def method(client: Awaiting, *args: Any, **kwargs: Any) -> AsyncIterator[Entry]:
            try:
                return _awaiting(client._http, begun(self.feed, client, *args, **kwargs))
            except WrongCall as error:
                raise public(error) from None

        return like(method, self.feed, Awaiting)

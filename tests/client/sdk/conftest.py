"""Both clients, of an API that a function plays."""

import asyncio
import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from autolearn import AsyncAutoLearn, AutoLearn
from autolearn.client.sdk import flows
from tests.client.sdk.played_api import Played


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "FIRST_PAUSE", 0.001)


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Callable[[Played, Callable[[Any], Any]], Any]:
    """Ask a played API something, once with each client: both must act alike."""

    def ask(played: Played, question: Callable[[Any], Any]) -> Any:
        transport = httpx.MockTransport(played)
        if request.param == "sync":
            with AutoLearn("http://api", transport=transport, seal=False) as autolearn:
                return question(autolearn)

        async def asked() -> Any:
            async with AsyncAutoLearn("http://api", transport=transport, seal=False) as autolearn:
                return await question(autolearn)

        return asyncio.run(asked())

    return ask


@pytest.fixture(params=["sync", "async"])
def tell(request: pytest.FixtureRequest) -> Callable[[Played, Callable[[Any], Any]], None]:
    """Tell a story with each client: a generator that yields the calls, and gets their results."""

    def blocking(story: Any) -> None:
        value = None
        with contextlib.suppress(StopIteration):
            while True:
                value = story.send(value)

    async def awaiting(story: Any) -> None:
        value, error = None, None
        with contextlib.suppress(StopIteration):
            while True:
                call = story.throw(error) if error is not None else story.send(value)
                value = error = None
                try:
                    value = await call if inspect.isawaitable(call) else call
                except Exception as raised:  # noqa: BLE001 - the story expects it, or fails
                    error = raised

    def tell(played: Played, story: Callable[[Any], Any]) -> None:
        transport = httpx.MockTransport(played)
        if request.param == "sync":
            with AutoLearn("http://api", transport=transport, seal=False) as al:
                blocking(story(al))
            return

        async def told() -> None:
            async with AsyncAutoLearn("http://api", transport=transport, seal=False) as al:
                await awaiting(story(al))

        asyncio.run(told())

    return tell

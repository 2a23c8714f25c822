"""Bodies are bounded by any way in, also where a sealed one is read before it is known who asks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.middleware.body_limit import SEAL, LimitBodies
from autolearn.api.middleware.concurrency_limit import LimitWaiting
from autolearn.api.state.request_counts import Waiting

LIMIT, CHUNK = 10_000, 1000
JOSE, PLAIN = b"application/jose", b"application/octet-stream"


def scope_of(method: str, media: bytes) -> dict[str, Any]:
    headers = [(b"content-type", media)]
    return {"type": "http", "method": method, "path": "/v1/catalog/datasets/x", "headers": headers}


async def endless() -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * CHUNK, "more_body": True}


async def ignored(_: Any) -> None:
    """Send nothing."""


class Reading:
    """An app that reads whatever comes, up to a hundred parts; `read` counts their bytes."""

    read = 0

    async def __call__(self, _: Any, receive: Any, __: Any) -> None:
        for _ in range(100):
            self.read += len((await receive())["body"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_a_sealed_body_is_bounded_whatever_the_method(method: str):
    app = Reading()
    limited = LimitBodies(app, LIMIT, upload_limit=10**9)
    with pytest.raises(Problem) as told:
        asyncio.run(limited(scope_of(method, JOSE), endless, ignored))
    assert told.value.status_code == 413
    assert app.read <= LIMIT * 4 // 3 + SEAL


@pytest.mark.parametrize(
    ("method", "media", "counts"), [("PUT", JOSE, True), ("PUT", PLAIN, False)]
)
def test_what_is_held_in_memory_counts_also_of_an_upload(method: str, media: bytes, counts: bool):
    waiting, app = Waiting(10, LIMIT), Reading()

    async def let_in(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["place"].admit("")
        await app(scope, receive, send)

    limited = LimitWaiting(let_in, waiting)
    if counts:
        with pytest.raises(Problem) as told:
            asyncio.run(limited(scope_of(method, media), endless, ignored))
        assert (told.value.status_code, app.read) == (429, LIMIT)
    else:
        asyncio.run(limited(scope_of(method, media), endless, ignored))
        assert app.read == 100 * CHUNK
    assert waiting.bytes == 0

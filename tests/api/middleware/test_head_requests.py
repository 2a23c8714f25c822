"""HEAD where GET is, bodies that are packed, and disks that are full."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from autolearn.api.middleware.body_limit import RefuseEncoded
from autolearn.api.middleware.head_requests import AnswerHead
from autolearn.api.server.app import on_system_error


async def stream(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0)

    return StreamingResponse(parts(), headers={"ETag": '"1"'})


async def shown(request: Request) -> Response:
    return JSONResponse({"method": request.method})


async def full(_: Request) -> Response:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def broken(_: Request) -> Response:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


APP = Starlette(
    routes=[
        Route("/shown", shown),
        Route("/stream", stream),
        Route("/made", shown, methods=["POST"]),
        Route("/full", full, methods=["PUT"]),
        Route("/broken", broken, methods=["PUT"]),
    ],
    exception_handlers={OSError: on_system_error},
)


def ask(*asked: Any, **given: Any) -> httpx.Response:
    async def story() -> httpx.Response:
        transport = httpx.ASGITransport(RefuseEncoded(AnswerHead(APP)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
            return await asyncio.wait_for(http.request(*asked, **given), 10)

    return asyncio.run(story())


def test_head_is_answered_with_the_head_of_get():
    got, head = ask("GET", "/shown"), ask("HEAD", "/shown")
    assert got.json() == {"method": "GET"}
    assert (head.status_code, head.headers, head.content) == (200, got.headers, b"")


def test_the_head_of_an_answer_that_goes_on_is_all_that_is_made():
    head = ask("HEAD", "/stream")
    assert (head.status_code, head.headers["etag"], head.content) == (200, '"1"', b"")


def test_head_is_not_offered_where_get_is_not():
    assert ask("HEAD", "/made").status_code == 405


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, Zstd"])
def test_a_body_that_is_packed_is_refused_unread(coding: str):
    answer = ask("POST", "/made", content=b"{}", headers={"Content-Encoding": coding})
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity"
    assert answer.json()["type"] == "urn:autolearn:problem:content-encoding"
    assert coding in answer.json()["detail"]
    assert "unpacked, without that header" in answer.json()["detail"]


def test_what_is_not_packed_is_taken():
    for headers in ({}, {"Content-Encoding": "identity"}):
        assert ask("POST", "/made", content=b"{}", headers=headers).status_code == 200
    assert ask("GET", "/shown", headers={"Content-Encoding": "gzip"}).status_code == 200


def test_a_full_disk_is_told_and_is_no_fault_of_ours():
    answer = ask("PUT", "/full")
    assert answer.status_code == 507
    assert answer.json()["type"] == "urn:autolearn:problem:no-room"
    assert "Nothing of it was kept" in answer.json()["detail"]
    assert ask("PUT", "/broken").status_code == 500

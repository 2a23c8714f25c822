"""The fuzz finds what it is there to find, in an API that has all of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fuzz.campaign import Fuzz
from tests.fuzz.world import Target

NUMBER = {"application/json": {"schema": {"type": "integer"}}}
PATHS = {
    "good": Response("7", media_type="application/json"),
    "busy": Response(status_code=503),
    "fault": Response("7", 500, media_type="application/json"),
    "undescribed": Response("7", 299, media_type="application/json"),
    "other-media": Response("7", media_type="text/plain"),
    "other-schema": JSONResponse({"a": 1}),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    async def private(request: Request) -> Response:
        return JSONResponse(7 if "authorization" not in request.headers else "canary")

    routes = [Route(f"/{name}", answer) for name, answer in PATHS.items()]
    config = uvicorn.Config(
        Starlette(routes=[*routes, Route("/private", private)]), port=0, log_config=None
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def described(*paths: str) -> dict[str, Any]:
    answers = {"200": {"description": "A number.", "content": NUMBER}, "503": {"description": ""}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "played", "version": "1"},
        "paths": {f"/{path}": {"get": {"responses": answers}} for path in paths},
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("good", (0, 0, 0)),
        ("busy", (0, 0, 0)),
        ("fault", (1, 1, 0)),
        ("undescribed", (0, 1, 0)),
        ("other-media", (0, 1, 0)),
        ("other-schema", (0, 1, 0)),
        ("private", (0, 1, 1)),
    ],
)
def test_what_is_found(url: str, path: str, found: tuple[int, int, int]):
    tokens = dict.fromkeys(("other", "sysadmin", "reader", "none", "bad"), "x")
    on = Target(url, described(path), tokens, {}, (), ("canary",))
    report = Fuzz(on, 1).run(10)
    assert report.requests >= 10
    counts = (report.server_errors, report.schema_violations, report.crossings)
    assert tuple(int(count > 0) for count in counts) == found, report.faults
    assert report.clean == (found == (0, 0, 0))
    assert bool(report.faults) != report.clean

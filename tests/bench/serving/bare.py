"""The least that an HTTP server of ours can take: it reads a body, and answers constant bytes."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

_BODY = b"x" * 400


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body", False):
        continue
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": _BODY})


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_config=None, lifespan="off"
    )

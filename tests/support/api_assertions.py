"""What every problem must have."""

from __future__ import annotations

from typing import Any

import httpx


def problem(answer: httpx.Response, status: int, kind: str, *words: str) -> dict[str, Any]:
    """Check that an answer is this problem and says these words; return its members."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = answer.json()
    assert content["type"] == f"urn:autolearn:problem:{kind}"
    assert content["status"] == status
    assert content["title"]
    for word in words:
        assert word in content["detail"]
    return content


def position(client: httpx.Client) -> str:
    """How far the log is: the same before and after what changes nothing."""
    token: str = client.get("/v1/position").json()["token"]
    return token

"""What can go wrong for a client.

AutoLearnError
├── Problem             the API refused, or failed: everything of the RFC 9457 problem is here
└── LogError
    └── Unreachable     no API answers
"""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from autolearn.schemas.errors import AutoLearnError, ExitCode, LogError


class Problem(AutoLearnError):
    """A problem that the API answered with.

    `kind` is the last word of `type` (such as session-unknown), `errors` lists the faults of a body
    or query with the place of each, `members` holds the other members.
    """

    def __init__(
        self,
        status: int,
        type: str,  # noqa: A002 - the word of RFC 9457
        title: str,
        detail: str,
        errors: list[dict[str, Any]],
        members: dict[str, Any],
    ) -> None:
        super().__init__(detail, title=title)
        self.status, self.type = status, type
        self.exit_code = ExitCode.REFUSED if status < 500 else ExitCode.FAULT
        self.errors, self.members = errors, members

    @property
    def kind(self) -> str:
        """The last word of the type."""
        return self.type.rpartition(":")[2]


class Unreachable(LogError):
    """No API answers, after several tries."""

    title = "AutoLearn cannot be reached"


def problem_of(response: httpx.Response) -> Problem:
    """Return the problem in a response of 4xx or 5xx, of the API or of a proxy."""
    try:
        content = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        content = {"detail": f"{response.request.url}: {response.text[:500]}"}
    known = {"type", "title", "status", "detail", "errors"}
    return Problem(
        response.status_code,
        str(content.get("type", "about:blank")),
        str(content.get("title", response.reason_phrase)),
        str(content.get("detail", "")),
        list(content.get("errors", [])),
        {name: value for name, value in content.items() if name not in known},
    )

"""Problems: every error over HTTP, in the form of RFC 9457 (`application/problem+json`).

The type is `urn:autolearn:problem:<kind>`. For a refused command the kind is the reason of the
event (`schemas.errors.REASONS`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from autolearn.projections.rows.command_answers import Answer
from autolearn.schemas.errors import REASONS
from autolearn.schemas.stream_kinds import KINDS, session_id
from autolearn.schemas.values import SessionId

_PREFIX = "urn:autolearn:problem:"
_FAULTS = 20
"""Faulty items of a body that a problem names."""


class Problem(HTTPException):
    """An error to answer with. `members` are further members of the problem's JSON."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.kind, self.title, self.members = kind, title, members

    def body(self, instance: str = "") -> dict[str, Any]:
        """Return the members of the problem's JSON."""
        about = {"instance": instance} if instance else {}
        return {
            "type": _PREFIX + self.kind,
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
            **about,
            **self.members,
        }


class _ProblemResponse(Response):
    """A problem as a response. The behaviour log finds its kind in `scope["state"]`."""

    media_type = "application/problem+json"

    def __init__(self, problem: Problem, instance: str) -> None:
        content = msgspec.json.encode(problem.body(instance))
        super().__init__(content, problem.status_code, problem.headers)
        self.kind = problem.kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        scope.setdefault("state", {})["problem"] = self.kind
        await super().__call__(scope, receive, send)


class _OipResponse(_ProblemResponse):
    """A problem as the Open Inference Protocol has errors."""

    media_type = "application/json"

    def __init__(self, problem: Problem, instance: str) -> None:
        super().__init__(problem, instance)
        self.body = msgspec.json.encode({"error": problem.detail})
        self.init_headers(problem.headers)


def respond(problem: Problem, instance: str) -> Response:
    """Return a problem as a response: under /v2 in the form of the Open Inference Protocol."""
    if instance == "/v2" or instance.startswith("/v2/"):
        return _OipResponse(problem, instance)
    return _ProblemResponse(problem, instance)


def committed(session: SessionId, *, status: int = 409, since: str = "", **more: Any) -> Problem:
    """Return the problem of a session that is an experiment now, `since` a time."""
    at = f"/v1/experiments/{session}"
    return Problem(
        status,
        "session-committed",
        REASONS["session-committed"].title,
        f"It is an experiment{f' since {since}' * bool(since)}, and takes no more trainings: "
        f"`autolearn experiment show {session[:8]}` or GET {at} shows it.",
        experiment=at,
        **more,
    )


def refusal(answer: Answer, **members: Any) -> Problem:
    """Return the problem of a refused command."""
    reason = REASONS.get(answer.reason)
    if answer.reason == "session-committed":
        return committed(session_id(answer.stream), **members)
    if reason is None:
        return Problem(409, answer.reason, "The command was refused", answer.detail, **members)
    return Problem(reason.status, answer.reason, reason.title, answer.detail, **members)


def failed(answer: Answer) -> Problem:
    """Return the problem of a decider's own fault."""
    return Problem(
        500,
        "command-failed",
        "The command could not be decided",
        f"{answer.detail} This is a fault of AutoLearn, nothing was changed: report it.",
    )


def unavailable(
    detail: str, *, kind: str = "log-unavailable", retry_after: int = 1, **members: Any
) -> Problem:
    """Return the problem of something temporarily unavailable."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        kind,
        "That cannot be done at the moment",
        detail,
        headers={"Retry-After": str(retry_after)},
        **members,
    )


def unreadable() -> Problem:
    """Return the problem of data whose key is gone."""
    return Problem(
        HTTPStatus.GONE,
        "unreadable",
        "It cannot be read any more",
        "It is encrypted, and its key is not there: it was shredded when the session was "
        "discarded, expired or deleted. (Otherwise this process has no master key.)",
    )


def incomplete() -> Problem:
    """Return the problem of a connection that was closed within the body."""
    return Problem(400, "incomplete", "The body is incomplete", "The connection was closed early.")


def too_large(detail: str, **members: Any) -> Problem:
    """Return the problem of a command that is too large for the log."""
    reason = REASONS["too-large"]
    return Problem(reason.status, "too-large", reason.title, detail, **members)


def too_many(detail: str, *, retry_after: int = 1) -> Problem:
    """Return the problem of one request too many at a time."""
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-requests",
        "This process works on too many requests",
        detail,
        headers={"Retry-After": str(retry_after)},
    )


def malformed_id(kind: str, given: str, words: str) -> Problem:
    """Return the problem of a malformed id."""
    return Problem(
        422,
        "malformed-id",
        "An id is malformed",
        f"{given[:120]!r} cannot be the {kind} that is meant: it must be {words}.",
    )


def refuse_items(
    status: int,
    kind: str,
    title: str,
    faults: Sequence[tuple[int, str]],
    what: str,
    advice: str = "",
) -> None:
    """Raise the problem of faulty items of a body, if there are any; `what` is one of them.

    A fault has the number of the item, from 0, in the list `<what>s`. The first ones are named.
    """
    if not faults:
        return
    first = faults[:_FAULTS]
    words = "; ".join(f"{what} {number}: {detail}" for number, detail in first)
    more = f"; and {len(faults) - _FAULTS} more" if len(faults) > _FAULTS else ""
    errors = [{"pointer": f"#/{what}s/{number}", "detail": detail} for number, detail in first]
    detail = f"{words}{more}. Nothing was recorded. {advice}".strip()
    raise Problem(status, kind, title, detail, errors=errors)


def check_id(kind: str, given: str, called: str = "") -> None:
    """Raise the problem of a malformed id unless it fits this kind of stream."""
    if not KINDS[kind].fits(given):
        raise malformed_id(called or kind, given, KINDS[kind].words)


def unknown(
    kind: str, given: str, names: Iterable[str], where: str, pointer: str | None = None
) -> Problem:
    """Return the problem of something unknown, with the known names.

    With the `pointer` to its name in a body, the body is wrong (422), otherwise the path (404).
    """
    there = sorted(names)
    alike = [name for name in there if name.casefold() == given.casefold()]
    near = alike or difflib.get_close_matches(given, there, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    detail = f"There is no {kind} {given[:200]!r}.{hint}"
    members: dict[str, Any] = {"known": there[:100]}
    if pointer is not None:
        members["errors"] = [{"pointer": pointer, "detail": detail}]
    return Problem(
        404 if pointer is None else 422,
        f"unknown-{kind}",
        f"There is no such {kind}",
        f"{detail} There {_listed(there)}: see {where}.",
        **members,
    )


def _listed(names: list[str]) -> str:
    """Join names for people."""
    if not names:
        return "are none yet"
    more = f" and {len(names) - 30} more" if len(names) > 30 else ""
    return ("is " if len(names) == 1 else "are ") + ", ".join(names[:30]) + more

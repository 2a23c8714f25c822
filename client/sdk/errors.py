"""What can go wrong for a client.

AutoLearnError
├── Problem             the API refused, or failed: everything of the RFC 9457 problem is here
│   └── NotLoggedIn     there is no token for the API, or it is not valid
├── TimedOut            a run has not ended in time; it goes on
├── TrainingFailed      a training failed or was cancelled
├── EvaluationFailed    an evaluation failed or was cancelled
├── PipelineFailed      a run of a pipeline failed or was cancelled
├── BadArgument         an argument of a call does not fit; also a ValueError
└── LogError
    └── Unreachable     no API answers

Their text is that for a notebook: title, detail and advice in one line.
"""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from autolearn.client.sdk.access.credentials import file_of_tokens
from autolearn.schemas.errors import AutoLearnError, ExitCode, LogError

_TOKEN_PROBLEMS = ("no-token", "bad-token", "token-expired")


class Problem(AutoLearnError):
    """A problem that the API answered with.

    `kind` is the last word of `type` (such as session-unknown), `errors` lists the faults of a body
    or query with the place of each, `members` holds the other members.
    """

    __module__ = "autolearn"

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

    def __str__(self) -> str:
        return _in_one_line(self)

    @property
    def kind(self) -> str:
        """The last word of the type."""
        return self.type.rpartition(":")[2]


class Unreachable(LogError):
    """No API answers, after several tries."""

    __module__ = "autolearn"
    title = "AutoLearn cannot be reached"

    def __str__(self) -> str:
        return _in_one_line(self)


class NotLoggedIn(Problem):
    """There is no token for the API, or it is not valid."""

    __module__ = "autolearn"


class _OfRun(AutoLearnError):
    """About one run; `run` is its handle."""

    __module__ = "autolearn"
    exit_code = ExitCode.NO

    def __init__(self, run: Any, title: str, detail: str, advice: str = "") -> None:
        super().__init__(detail, title=title, advice=advice)
        self.run = run

    def __str__(self) -> str:
        return _in_one_line(self)


class TimedOut(_OfRun):
    """A run has not ended within the given seconds; it goes on. `run` is its handle."""

    __module__ = "autolearn"


class TrainingFailed(_OfRun):
    """A training failed, or was cancelled. `run` is its handle."""

    __module__ = "autolearn"


class EvaluationFailed(_OfRun):
    """An evaluation failed, or was cancelled. `run` is its handle."""

    __module__ = "autolearn"


class PredictionFailed(_OfRun):
    """A prediction failed, or was cancelled. `run` is its handle."""

    __module__ = "autolearn"


class StudyFailed(_OfRun):
    """A study failed, or was cancelled. `run` is its handle."""

    __module__ = "autolearn"


class PipelineFailed(_OfRun):
    """A run of a pipeline failed, or was cancelled. `run` is its handle."""

    __module__ = "autolearn"


class BadArgument(AutoLearnError, ValueError):
    """An argument of a call does not fit."""

    __module__ = "autolearn"
    title = "An argument does not fit"
    exit_code = ExitCode.USAGE

    def __str__(self) -> str:
        return _in_one_line(self)


def _in_one_line(error: AutoLearnError) -> str:
    """Return the title, detail and advice of an error."""
    parts = (f"{error.title.rstrip('.')}.", error.detail, error.advice)
    return " ".join(part for part in parts if part)


def problem_of(response: httpx.Response) -> Problem:
    """Return the problem in a response of 4xx or 5xx, of the API or of a proxy."""
    try:
        content = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        content = {"detail": f"{response.request.url}: {response.text[:500]}"}
    known = {"type", "title", "status", "detail", "errors"}
    problem = Problem(
        response.status_code,
        str(content.get("type", "about:blank")),
        str(content.get("title", response.reason_phrase)),
        str(content.get("detail", "")),
        list(content.get("errors", [])),
        {name: value for name, value in content.items() if name not in known},
    )
    if response.status_code == 401 and problem.kind in _TOKEN_PROBLEMS:
        return _not_logged_in(problem, response.request.url)
    return problem


def _not_logged_in(problem: Problem, url: httpx.URL) -> NotLoggedIn:
    """Return the same problem in the words of somebody who sits before this machine."""
    about = problem.detail
    if problem.kind == "no-token":
        about = f"{file_of_tokens()} has no token for it, and AUTOLEARN_TOKEN is not set."
    title = f"You are not logged in to {url.scheme}://{url.netloc.decode()}"
    error = NotLoggedIn(problem.status, problem.type, title, about, problem.errors, problem.members)
    error.advice = "`autolearn login NAME` gets a token for your password."
    return error

"""Finds things by their titles, or by the start of a title or an id.

The lists of the API are searched here, because a title is confidential: in the path of a request it
would be in the behaviour log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.schemas.bounds import listed
from autolearn.schemas.rest.experiments import ExperimentPage, ExperimentSummary

SEARCHED = 1000
"""The newest things of a kind, whose titles are searched."""
_LISTED = 8


class _Titled(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...


T = TypeVar("T", bound=_Titled)


def called_so(given: str, known: Iterable[T]) -> list[T]:
    """Return those that are called or begin so: the title, the start of it, or that of the id.

    The case of letters does not matter, and a whole title precedes the start of one.
    """
    low, there = given.casefold(), [*known]
    by_id = [one for one in there if one.id.startswith(low)]
    called = [one for one in there if one.title.casefold() == low]
    if not (by_id or called):
        called = [one for one in there if one.title.casefold().startswith(low)]
    return [*{one.id: one for one in (*by_id, *called)}.values()]


def experiment_called(given: str) -> Flow[str]:
    """Return the id of the experiment that is called or begins so, among the newest.

    Raises:
        BadArgument: none is, or several are.
    """
    known: list[ExperimentSummary] = []
    page: str | None = ""
    while page is not None and len(known) < SEARCHED:
        query = {"limit": 500, "page": page or None}
        found = yield from ask(Call("GET", "/v1/experiments", ExperimentPage, query))
        known, page = [*known, *found.items], found.next
    fitting = called_so(given, known)
    if len(fitting) == 1:
        return fitting[0].id
    words = [f"{one.title!r} ({one.id[:8]})" for one in fitting or known]
    if fitting:
        raise BadArgument(
            f"{given!r} is the start of the id or title of {len(fitting)}: "
            f"{listed(words, _LISTED)}.",
            advice="Give more of one of them.",
        )
    raise BadArgument(
        f"No experiment of yours has an id or title that begins with {given!r}.",
        advice=f"There are: {listed(words, _LISTED)}." if words else "You have none yet.",
    )

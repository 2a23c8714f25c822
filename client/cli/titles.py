"""Finds sessions and experiments by their titles, or by the start of a title or an id.

The lists of the API are searched here, because a title is confidential: in the path of a request it
would be in the behaviour log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

import typer

from autolearn.client.cli.current_session import Current
from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.handles.titles import SEARCHED, called_so
from autolearn.schemas.bounds import listed
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.stream_kinds import KINDS

Kind = Literal["session", "experiment"]

_LISTED = 8
_START = re.compile(r"[0-9a-f-]{1,36}")


class NothingSo(AutoLearnError):
    """Nothing has this id or title, or more than one thing has."""

    title = "There is nothing of that name"
    exit_code = ExitCode.REFUSED


class _Titled(NamedTuple):
    kind: str
    id: str
    title: str

    def __str__(self) -> str:
        return f"{self.kind} {Current(self.id, self.title)}"


def find(client: AutoLearn, given: str, *kinds: Kind) -> str:
    """Return the id of the session or experiment that is called or begins so.

    The case of letters does not matter, and a whole title precedes the start of one. The start of
    an id that is not among the newest is returned as it is: the API completes it.

    Raises:
        NothingSo: nothing, or more than one thing, is called so.
    """
    low = given.casefold()
    if not low:
        raise typer.BadParameter(f"The {' or '.join(kinds)} is empty: give an id or a title.")
    if KINDS["session"].fits(low):
        return low
    known = [one for kind in kinds for one in _newest(client, kind)]
    found = called_so(low, known)
    if len(found) == 1:
        return found[0].id
    if found:
        raise NothingSo(
            f"{given!r} is the start of the id or title of {len(found)}: {_words(found)}.",
            title="Several begin so",
            advice="Give more of one of them.",
        )
    if _START.fullmatch(low):
        return low
    what = " or ".join(kinds)
    raise NothingSo(
        f"No {what} of yours has an id or title that begins with {given!r}.",
        advice=f"There are: {_words(known)}." if known else f"You have no {what} yet.",
    )


def _newest(client: AutoLearn, kind: Kind) -> Iterable[_Titled]:
    """Yield the newest sessions or experiments; without titles where these are withheld."""
    of_kind = client.sessions if kind == "session" else client.experiments
    for one in of_kind.list(limit=SEARCHED):
        yield _Titled(kind, one.id, one.title)


def _words(found: Iterable[_Titled]) -> str:
    return listed([str(one) for one in found], _LISTED)

"""The connection to the API, and the state that the command line keeps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import msgspec
import typer

from autolearn.client.cli.output import Output, console, print_json
from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.connect import url_of_up
from autolearn.client.sdk.credentials import find, place_of
from autolearn.client.sdk.errors import Problem, Unreachable
from autolearn.client.sdk.sessions import SessionWithRuns
from autolearn.runtime.home import home_of
from autolearn.runtime.process import read_settings
from autolearn.runtime.variables import variables
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.rest.page import Page
from autolearn.schemas.stream_kinds import KINDS

if TYPE_CHECKING:
    from rich.console import RenderableType


Item = TypeVar("Item")

_HASTE = 1.0
"""Seconds after which a silent API is given up."""
_LIST = 500


class NothingSo(AutoLearnError):
    """No id has this start."""

    title = "There is nothing of that id"
    exit_code = ExitCode.REFUSED


class Connection:
    """A client of the API, with the state of the command line between two commands.

    `said` is the body of the newest answer in JSON, unchanged; `position` is its past point, "" for
    the present. `place` is the key of the stored token.
    """

    def __init__(self, client: AutoLearn, home: Path, session: str | None, place: str) -> None:
        self.client, self.home, self.wanted, self.place = client, home, session, place
        self.said, self.position = b"", ""
        client._http.event_hooks["response"].append(self.keep)

    def keep(self, response: httpx.Response) -> None:
        """Store the body of an answer, unless it is a file or an endless stream."""
        if "json" not in response.headers.get("content-type", ""):
            return
        self.said = response.read()
        self.position = response.headers.get("AutoLearn-Position", "")

    def say_position(self) -> None:
        """Print the shown past point on standard error."""
        if self.position:
            print(f"As of {self.position}", file=sys.stderr)

    # The present session

    @property
    def memory(self) -> Path:
        """The file with the id of the session that was opened last."""
        return self.home / "session"

    def remember(self, session: str) -> None:
        """Make this the session of later commands."""
        self.memory.write_text(f"{session}\n")

    def forget(self, session: str) -> None:
        """Forget a session, if it is the remembered one."""
        if self.memory.exists() and self.memory.read_text().strip() == session:
            self.memory.unlink()

    def session_id(self, given: str | None = None) -> str:
        """Return the session: given, by --session, or the last opened.

        A given id may be a start: the API completes it.

        Raises:
            typer.BadParameter: there is none.
        """
        wanted = given or self.wanted
        if not wanted and self.memory.exists():
            return self.memory.read_text().strip()
        if not wanted:
            raise typer.BadParameter(
                "No session is open here: open one with `autolearn session open`, or name one "
                "with --session or AUTOLEARN_SESSION.",
                param_hint="'--session'",
            )
        return wanted

    def session(self) -> tuple[Any, SessionWithRuns]:
        """Return the proxy of the session, and its content."""
        proxy = self.client.session(self.session_id())
        return proxy, proxy.get()

    def stream_id(self, given: str) -> str:
        """Return the name of a stream: <kind>/<id>, or only the id of a session or experiment.

        It may be the start of that id.
        """
        kind, slash, name = given.rpartition("/")
        return f"session/{name}" if kind == "experiment" or not slash else given

    # Lists

    def every(self, ask: Callable[..., Page[Any]], **given: Any) -> list[dict[str, Any]]:
        """Return the items of all pages of a list, unchanged."""
        items, page = [], None
        while True:
            answer = ask(limit=_LIST, page=page, **given)
            items += msgspec.json.decode(self.said)["items"]
            if (page := answer.next) is None:
                return items


@contextmanager
def connect(url: str | None = None, session: str | None = None) -> Iterator[Connection]:
    """Find the API, and connect to it.

    Raises:
        SettingsError: a setting is not valid.
        Unreachable: the API's URL is unknown, or it does not answer.
    """
    home = home_of(read_settings())
    given = variables()
    at = url or given.get("AUTOLEARN_URL") or url_of_up(home)
    require_url(at)
    kept = find(place := place_of(at, home))
    with AutoLearn(at, token=kept.token if kept is not None else "") as client:
        reach(client, at)
        yield Connection(client, home, session or given.get("AUTOLEARN_SESSION"), place)


def show_list(
    ask: Callable[[AutoLearn], Page[Item]],
    table: Callable[[Iterable[Item]], RenderableType],
    output: Output,
    url: str | None,
) -> None:
    """Print a list that has one page: as a table, or as unchanged JSON."""
    with connect(url) as to:
        found = ask(to.client)
    if output == Output.json:
        print_json(to.said)
    else:
        console().print(table(found.items))


def require_url(given: str) -> None:
    """Raise typer.BadParameter for an invalid URL."""
    if not given.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{given!r} is not a URL: it must begin with http:// or https://.")


def reach(client: AutoLearn, url: str) -> None:
    """Raise Unreachable at once when no API answers, instead of retrying for long."""
    try:
        client.ready(patience=_HASTE)
    except Unreachable as error:
        raise Unreachable(
            f"{url}: {error.detail}",
            advice="Start `autolearn up`, or set AUTOLEARN_URL to where the API is.",
        ) from None
    except Problem:
        pass  # the request may work all the same; if not, its own error says why


def only(given: str, known: Callable[[], Iterable[str]], what: str) -> str:
    """Return the one known id that starts with `given`; `what` names the things.

    Raises:
        NothingSo: there is none.
        typer.BadParameter: there are several.
    """
    if KINDS["session"].fits(given):
        return given
    fitting = sorted({one for one in known() if one.startswith(given.lower())})
    if not fitting:
        raise NothingSo(
            f"No {what} begins with {given}.", advice="`autolearn session show` has the ids."
        )
    if len(fitting) > 1:
        some = ", ".join(fitting[:5])
        raise typer.BadParameter(f"{given} is the start of several ids: {some}.")
    return fitting[0]

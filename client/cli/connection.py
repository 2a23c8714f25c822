"""The connection to the API, and the state that the command line keeps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import msgspec
import typer

from autolearn.client.cli.current_session import Current, CurrentSession
from autolearn.client.cli.output import Output, console, print_json
from autolearn.client.cli.terminal_text import printable
from autolearn.client.cli.titles import Kind, NothingSo, find
from autolearn.client.sdk.access.credentials import find as find_token
from autolearn.client.sdk.access.credentials import place_of
from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.connect import url_of_up
from autolearn.client.sdk.errors import BadArgument, Problem, Unreachable
from autolearn.client.sdk.handles.pages import Listing
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.sessions import ExperimentHandle, SessionHandle
from autolearn.runtime.home import home_of
from autolearn.runtime.process import read_settings
from autolearn.runtime.variables import variables
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.rest.runs import Evaluation
from autolearn.schemas.stream_kinds import KINDS

if TYPE_CHECKING:
    from rich.console import RenderableType


Item = TypeVar("Item")

_HASTE = 1.0
"""Seconds after which a silent API is given up."""
_NO_SESSION = {
    f"session-{how}": f"Your current session {words}"
    for how, words in {
        "committed": "was committed",
        "discarded": "was discarded",
        "expired": "has expired",
        "deleted": "was committed, and deleted as an experiment",
        "unknown": "is not known here",
    }.items()
}
"""The titles for what became of a session, by the kind of problem that says so."""


class NoSession(AutoLearnError):
    """A command needs a session, and there is none that it could use."""

    title = "You have no current session"
    exit_code = ExitCode.USAGE


def called(session: SessionHandle) -> str:
    """Return the title and the short id of a session."""
    return str(Current(session.id, session.title))


class Connection:
    """A client of the API, with the state of the command line between two commands.

    `said` is the body of the newest answer in JSON, unchanged, and `status` its status code;
    `position` is its past point, "" for the present. `place` is the key of the stored token;
    `wanted` is the session by --session or AUTOLEARN_SESSION.
    """

    def __init__(self, client: AutoLearn, session: str | None, place: str) -> None:
        self.client, self.wanted, self.place = client, session, place
        self.said, self.status, self.position = b"", 0, ""
        self.opened: SessionHandle | None = None
        client._http.event_hooks["response"].append(self.keep)

    def keep(self, response: httpx.Response) -> None:
        """Store the body of an answer, unless it is a file or an endless stream."""
        if "json" not in response.headers.get("content-type", ""):
            return
        self.said, self.status = response.read(), response.status_code
        self.position = response.headers.get("AutoLearn-Position", "")

    def say_position(self) -> None:
        """Print the shown past point on standard error."""
        if self.position:
            print(f"As of {self.position}", file=sys.stderr)

    # The session

    @cached_property
    def current(self) -> CurrentSession:
        """The current session of this user."""
        kept = find_token(self.place)
        user = kept.user if kept is not None else ""
        return CurrentSession(self.place, user or (self.client.me().name if kept else ""))

    def find(self, given: str, *kinds: Kind) -> str:
        """Return the id of a session or experiment by its id, title, or the start of either.

        Raises:
            NothingSo: nothing, or more than one thing, is called so.
        """
        return find(self.client, given, *(kinds or ("session", "experiment")))

    def session_id(self, given: str | None = None, *kinds: Kind) -> str:
        """Return the id of the session: given, by --session, or the current one.

        Raises:
            NoSession: there is none.
            NothingSo: as `find`.
        """
        wanted = given or self.wanted
        if wanted:
            return self.find(wanted, *(kinds or ("session",)))
        current = self.current.get()
        if current is None:
            raise NoSession(
                "No session is named with --session or AUTOLEARN_SESSION either.",
                advice="`autolearn session open` opens one, `autolearn session use` chooses one.",
            )
        return current.id

    def session_of(self, session: str) -> SessionHandle:
        """Return a session or experiment by its id, without a request."""
        return SessionHandle(self.client._http, RunParent(session), None)

    def experiment(self, given: str) -> ExperimentHandle:
        """Return an experiment, without its state.

        Raises:
            NothingSo: as `find`.
        """
        owner = RunParent(self.find(given, "experiment"), "experiment")
        return ExperimentHandle(self.client._http, owner, None)

    def session(self, given: str | None = None) -> SessionHandle:
        """Return the session that a command uses.

        Raises:
            NoSession: there is none, or the current one is no session any more.
            NothingSo: as `find`.
        """
        session = self.session_of(self.session_id(given))
        try:
            return session.refresh()
        except Problem as problem:
            if given or self.wanted or problem.kind not in _NO_SESSION:
                raise
            raise self._over(problem) from None

    def owner(self) -> SessionHandle | ExperimentHandle:
        """Return the session that a command uses, or the experiment that is named in its place.

        Raises:
            NoSession, NothingSo: as `session`.
        """
        if not self.wanted:
            return self.session()
        found = self.session_of(self.find(self.wanted))
        try:
            return found.refresh()
        except Problem as problem:
            if problem.kind != "session-committed":
                raise
            return self.client.experiments.get(found.id)

    def say_session(self, dataset: str = "") -> SessionHandle:
        """Return the session that a command uses, and name it on standard error.

        For a training of a `dataset` one is opened, if there is no current one.
        """
        if dataset and not self.wanted and self.current.get() is None:
            self._open(dataset)
        used = self.session()
        print(printable(f"session  {called(used)}"), file=sys.stderr)
        return used

    def discard_opened(self) -> None:
        """Discard the session that this command has opened, if nothing was asked for in it."""
        opened, self.opened = self.opened, None
        if opened is None or any(map(any, opened.refresh().counts.values())):
            return
        opened.discard()
        self.current.forget(opened.id)
        print("Discarded the session again: nothing was asked for in it.", file=sys.stderr)

    def _open(self, dataset: str) -> None:
        title = self.client.dataset(dataset.partition("@")[0]).name  # none for what is not there

        def opened() -> Current:
            self.opened = self.client.sessions.open(title)
            session = Current(self.opened.id, title)
            print(
                f"Opened session {title!r} ({session.id[:8]}); keep what it makes with "
                "`autolearn session commit`.",
                file=sys.stderr,
            )
            return session

        self.current.get_or_open(opened)

    def _over(self, problem: Problem) -> NoSession:
        """Forget the current session, which is none any more; return the error that says so."""
        current = self.current.get()
        assert current is not None, "its id was just found there"
        self.current.forget(current.id)
        return NoSession(
            f"It was {current}. {problem.detail}",
            title=_NO_SESSION[problem.kind],
            advice="The next `autolearn train` opens a session; `autolearn session use` chooses "
            "one.",
        )

    def evaluations(self, owner: str) -> list[Evaluation]:
        """Return all evaluations of a session or experiment, by its id."""
        try:
            return [one.data for one in self.session_of(owner).evaluations()]
        except Problem as problem:
            if problem.kind != "session-committed":
                raise
            return [one.data for one in self.experiment(owner).evaluations()]

    def stream_id(self, given: str) -> str:
        """Return the name of a stream: <kind>/<id>, or only a session or experiment.

        That may be its id, its title, or the start of either.
        """
        kind, slash, name = given.partition("/")
        if slash and kind not in ("session", "experiment"):
            return given
        try:
            return f"session/{self.find(name if slash else given)}"
        except NothingSo as none:
            none.advice += " Other streams have names such as dataset/iris."
            raise

    # Lists

    def every(self, found: Listing[Any]) -> list[dict[str, Any]]:
        """Return the items of all pages of a list, unchanged."""
        return [one for _ in found.pages() for one in msgspec.json.decode(self.said)["items"]]


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
    kept = find_token(place := place_of(at, home))
    with AutoLearn(at, token=kept.token if kept is not None else "") as client:
        reach(client, at)
        to = Connection(client, session or given.get("AUTOLEARN_SESSION"), place)
        try:
            yield to
        except (Problem, BadArgument, typer.BadParameter):
            with suppress(Problem):  # the refusal is what counts
                to.discard_opened()
            raise


def show_list(
    ask: Callable[[AutoLearn], Listing[Item]],
    table: Callable[[Iterable[Item]], RenderableType],
    output: Output,
    url: str | None,
) -> None:
    """Print a list that has one page: as a table, or as unchanged JSON."""
    with connect(url) as to:
        found = [*ask(to.client)]
    if output == Output.json:
        print_json(to.said)
    else:
        console().print(table(found))


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

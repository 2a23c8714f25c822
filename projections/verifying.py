"""Verifying: what API processes serve against the log, view by view and, if need be, by key."""

from __future__ import annotations

import hashlib
import ipaddress
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from autolearn.eventlog.log import Log
from autolearn.eventlog.process import open_log
from autolearn.projections.rebuilding import Told, rebuild
from autolearn.projections.store import Readable, RocksStore, prefix_of
from autolearn.projections.views import VIEWS
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import LogError, SettingsError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

__all__ = ["Served", "row_digests", "served_by", "verify"]

T = TypeVar("T")

PAGE = 10_000
"""Rows whose digests are asked for at once."""
MOST_KEYS = 1000
"""Differing keys that are listed; more are only counted."""


class Place(Struct, frozen=True):
    """How far a process has come on one partition."""

    partition: int
    next: int


class Position(Struct, frozen=True):
    """How far a process has come."""

    partitions: list[Place]

    def goal(self) -> dict[int, int]:
        """Return it as offsets by partition."""
        return {place.partition: place.next for place in self.partitions}


class Served(Struct):
    """What an API process says of its views (`GET /v1/digests`), and its name."""

    process: str
    position: Position
    views: dict[str, str]


class ServedRows(Struct):
    """What an API process says of some rows of a view (`GET /v1/digests/{view}`)."""

    position: Position
    rows: dict[str, str]
    next: str | None


def served_by(url: str, token: str = "") -> Served:
    """Return what the API process at `url` has, and at which position; `token` is a sysadmin's.

    Raises:
        LogError: it does not answer, or is not ready.
    """
    return ask(f"{url}/v1/digests", Served, token)


def ask(url: str, kind: type[T], token: str) -> T:
    """Return what the API answers.

    Raises:
        LogError: it does not.
        SettingsError: the token could be read on its way: nothing is sealed here.
    """
    if token and not is_safe(url):
        raise SettingsError(
            f"{url} is asked over plain HTTP on another machine.",
            title="Your token could be read on its way",
            advice="Name the API by https, or verify on its own machine.",
        )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        with straight.open(request, timeout=60) as answer:
            return from_json(answer.read(), kind)
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403):
            raise unanswered(url, error) from None
        raise LogError(
            f"{url}: {error}.",
            title="The API lets only sysadmins verify it",
            advice="Log in as a sysadmin (`autolearn login`), or set AUTOLEARN_TOKEN.",
        ) from None
    except (urllib.error.URLError, TimeoutError) as error:
        raise unanswered(url, error) from None


def is_safe(url: str) -> bool:
    """Say whether nobody else can read what is sent to a URL: TLS, or this machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:  # a name, of whatever machine
        return False


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no answer to another place: the token would go there, too."""

    def redirect_request(self, *_: Any) -> None:
        """Say that the answer is an error."""


straight = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects)
"""Asks the host that is named, and no proxy."""


def unanswered(url: str, error: Exception) -> LogError:
    """Return the error of an API that does not answer."""
    return LogError(
        f"{url}: {error}.",
        title="The API does not answer",
        advice="Start `autolearn up`, or name the API with --url or AUTOLEARN_URL.",
    )


class Scratch:
    """The log folded up to one position after another, with as little folded twice as can be."""

    def __init__(self, log: Log, topic: str, below: Path) -> None:
        self.log, self.topic, self.below = log, topic, below
        self.reached: dict[int, int] = {}
        self.made = self.records = self.events = 0
        self.seconds = 0.0

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.below / f"views-{self.made}"

    def fold_up_to(self, goal: dict[int, int], told: Told = lambda *_: None) -> dict[str, str]:
        """Come to a position, and return the digests there."""
        if any(goal.get(partition, 0) < at for partition, at in self.reached.items()):
            self.made += 1  # a store does not go back: begin another
        rebuilt = rebuild(self.log, self.topic, self.folder, goal, told)
        self.reached = goal
        self.records += rebuilt.records
        self.events += rebuilt.events
        self.seconds += rebuilt.seconds
        return rebuilt.digests


def verify(settings: Settings, urls: Sequence[str], told: Told, token: str = "") -> dict[str, Any]:
    """Rebuild to the position of each of the API processes at `urls`, and compare.

    `token` is of a sysadmin, where users are known.

    The result's `processes` say of each by its `process` (name) and `url` which views differ
    (`differs`), and at which keys (`rows`).

    Raises:
        LogError: an API process or the log cannot be read.
        MalformedRecord: a record on the log is not an event of ours.
    """
    all_served = {url: served_by(url, token) for url in urls}
    with ExitStack() as end:
        log = open_log(settings)
        end.callback(log.close)
        below = end.enter_context(tempfile.TemporaryDirectory(prefix="autolearn-verify-"))
        scratch = Scratch(log, Topics.of(settings).events.name, Path(below))
        processes = [
            check(scratch, url, served, told, token)
            for url, served in sorted(
                all_served.items(), key=lambda item: sum(item[1].position.goal().values())
            )
        ]
    return {
        "records": scratch.records,
        "events": scratch.events,
        "seconds": scratch.seconds,
        "events_per_s": scratch.events / scratch.seconds,
        "equal": not any(process["differs"] for process in processes),
        "processes": processes,
    }


def check(scratch: Scratch, url: str, served: Served, told: Told, token: str) -> dict[str, Any]:
    """Compare what an API process serves with the log at its position."""
    goal = served.position.goal()
    digests = scratch.fold_up_to(goal, told)
    differs = [view for view in VIEWS if served.views.get(view) != digests[view]]
    found = [row for view in differs for row in compare(scratch, url, view, token)]
    return {
        "process": served.process,
        "url": url,
        "position": goal,
        "digests": digests,
        "served": served.views,
        "differs": differs,
        "rows": found[:MOST_KEYS],
        "rows_differing": len(found),
    }


def compare(scratch: Scratch, url: str, view: str, token: str) -> list[dict[str, str]]:
    """Return the keys of a view at which an API process and the log differ, and how.

    The process may fold on meanwhile, so the log is folded to where it was at the end.
    """
    served: dict[str, str] = {}
    after: str | None = ""
    while after is not None:
        query = urllib.parse.urlencode({"after": after, "limit": PAGE})
        page = ask(f"{url}/v1/digests/{view}?{query}", ServedRows, token)
        served |= page.rows
        after = page.next
    scratch.fold_up_to(page.position.goal())
    store = RocksStore(scratch.folder)
    try:
        ours = dict(row_digests(store, view))
    finally:
        store.close()
    return [
        {"view": view, "key": shown(at), "how": how(ours.get(at), served.get(at))}
        for at in sorted(ours.keys() | served.keys())
        if ours.get(at) != served.get(at)
    ]


def how(ours: str | None, served: str | None) -> str:
    """Say in which way a row differs."""
    if served is None:
        return "missing in what is served"
    return "not from the log" if ours is None else "other content"


def row_digests(
    content: Readable, view: str, after: bytes = b"", limit: int | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the key (hex) and the SHA-256 of the value (hex) of a view's rows, by table and key."""
    past = (
        (at, value)
        for table in sorted(VIEWS[view])
        if prefix_of(table) > after or after.startswith(prefix_of(table))
        for at, value in content.scan(prefix_of(table), after=after)
    )
    for at, value in islice(past, limit):
        yield at.hex(), hashlib.sha256(value).hexdigest()


def shown(at: str) -> str:
    """Return a key for people: its parts with slashes between them, integers as numbers."""
    key = bytes.fromhex(at)
    if len(key) > 9 and key[-9] == 0 and key[-8] == 0:
        return f"{shown(key[:-9].hex())}/{int.from_bytes(key[-8:], 'big')}"
    return key.decode(errors="backslashreplace").replace("\0", "/")

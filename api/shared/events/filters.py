"""Filters of events: of one stream, of some types, or all."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from msgspec import Raw, Struct
from msgspec.structs import replace

from autolearn.api.http.problems import Problem, check_id
from autolearn.api.identity.visibility import Visibility
from autolearn.eventlog.consumers.event_pages import FoundEvent
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.events import EVENTS
from autolearn.schemas.stream_kinds import kind_of, stream
from autolearn.schemas.upcasters import UPCASTERS
from autolearn.schemas.values import StreamId

_OURS = "autolearn."


class EventFilter(Struct, frozen=True):
    """A filter by stream and types; None matches all.

    It matches only events that the principal may see: `sight` is None where that is everything.
    """

    stream: StreamId | None = None
    types: frozenset[str] | None = None
    sight: Visibility | None = None

    def fits(self, record: EventRecord) -> bool:
        """Return whether an event matches."""
        of_stream = self.stream is None or record.subject == self.stream
        chosen = of_stream and (self.types is None or record.type in self.types)
        return chosen and (self.sight is None or self.sight.sees(record))

    def briefly(self) -> EventFilter:
        """Return the same filter with a cache of visibility by stream, for one page."""
        return self if self.sight is None else replace(self, sight=self.sight.briefly())

    def shown(self, found: FoundEvent) -> Raw:
        """Return a matching event, as the principal sees it."""
        return found.value if self.sight is None else self.sight.shown(found)


def wanted_of(
    name: str, session: str, types: Sequence[str], sight: Visibility | None = None
) -> EventFilter:
    """Return the filter of the parameters `stream`, `session` and `type` of a request.

    Raises:
        Problem: one is malformed, a type is unknown, or stream and session contradict.
    """
    chosen = _stream_of(name) if name else None
    if session:
        check_id("session", session)
        if chosen not in (None, stream("session", session)):
            raise _refused(
                "contradiction",
                "Two parameters contradict each other",
                "session",
                f"No event is of {name} and of session/{session}: leave one of the two out.",
            )
        chosen = stream("session", session)
    kinds = frozenset[str]().union(*map(_types_of, types)) if types else None
    return EventFilter(chosen, kinds, sight)


def _stream_of(name: str) -> StreamId:
    """Return the name of a stream if it is well-formed."""
    try:
        kind_of(name)
    except ValueError as error:
        raise _refused(
            "malformed-stream",
            "A stream's name is malformed",
            "stream",
            f"{name[:120]!r} is no stream, <kind>/<id>: {error}.",
        ) from None
    return StreamId(name)


def _types_of(given: str) -> set[str]:
    """Return the CloudEvents types of a word.

    With a version it is that one, without one every version; `autolearn.` may be left out.
    """
    known = {one.removeprefix(_OURS): one for one in (*EVENTS, *UPCASTERS)}
    word = given.removeprefix(_OURS)
    found = {full for name, full in known.items() if word in (name, name.rpartition(".v")[0])}
    if found:
        return found
    there = sorted({name.rpartition(".v")[0] for name in known})
    near = difflib.get_close_matches(word, there, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise _refused(
        "unknown-type",
        "There is no such type of event",
        "type",
        f"There is no event {given[:120]!r}.{hint} There are {', '.join(there)}.",
    )


def _refused(kind: str, title: str, parameter: str, detail: str) -> Problem:
    """Return the problem of a parameter."""
    errors = [{"parameter": parameter, "detail": detail}]
    return Problem(422, kind, title, detail, errors=errors)

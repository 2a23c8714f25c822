"""W3C Trace Context (https://www.w3.org/TR/trace-context/), over HTTP and through Kafka headers.

A record carries `traceparent`, whose span is that of its sending, and `hop`: who sent it, the span
before it and, where the record itself has no such time, when (milliseconds since 1970). An event
also has `asked`: the `hop` of the command that it answers, and that command's type. So the events,
which are kept for ever, tell the whole way of a command.
"""

from __future__ import annotations

import os
import random
import re
import socket
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from autolearn.schemas.codec import Headers

TRACEPARENT, HOP, ASKED = "traceparent", "hop", "asked"
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_LONGEST = 300
"""The most bytes of a header of ours."""
Pairs = Iterable[tuple[str, bytes | None]] | Mapping[str, bytes | None] | None


class Trace(NamedTuple):
    """A place in a trace: its id, the span, and the flags, all in hexadecimal."""

    trace: str
    span: str
    flags: str = "01"

    @classmethod
    def begin(cls) -> Trace:
        """Return the beginning of a new trace."""
        return cls(_fresh(16), _fresh(8))

    @classmethod
    def read(cls, given: str) -> Trace | None:
        """Parse a `traceparent`; None if it is malformed by the specification.

        Later versions than 00 may have more behind a dash, which is ignored.
        """
        found = _PARENT.fullmatch(given)
        if found is None or found[1] == "ff" or (found[1] == "00" and found[5] is not None):
            return None
        if not found[2].strip("0") or not found[3].strip("0"):
            return None
        # Only the flag "sampled" means something in version 00.
        return cls(found[2], found[3], f"{int(found[4], 16) & 1:02x}")

    def child(self) -> Trace:
        """Return the next place in the same trace."""
        return Trace(self.trace, _fresh(8), self.flags)

    def __str__(self) -> str:
        return f"00-{self.trace}-{self.span}-{self.flags}"


def _fresh(size: int) -> str:
    return f"{random.getrandbits(8 * size) or 1:0{2 * size}x}"


class Sent(NamedTuple):
    """The content of `hop` or `asked`: a record's sender, the span before, and one more word."""

    who: str = ""
    parent: str = ""
    more: str = ""

    @property
    def service(self) -> str:
        """The kind of process."""
        return self.who.partition("/")[0]

    @property
    def instance(self) -> str:
        """The instance of that kind."""
        return self.who.partition("/")[2]


def instance_of(service: str, name: str) -> str:
    """Return the name of this process; `name` is its setting AUTOLEARN_INSTANCE."""
    return f"{service}/{name}@{socket.gethostname()}:{os.getpid()}"


def sending(trace: Trace | None, instance: str, *more: str) -> Headers:
    """Return the headers of a record whose cause has this trace context; () for None."""
    if trace is None:
        return ()
    hop = " ".join((instance, trace.span, *more))
    return ((TRACEPARENT, str(trace.child()).encode()), (HOP, hop.encode()))


def answering(command: Pairs, kind: str, instance: str) -> Headers:
    """Return the headers of the event that answers a command of this type with these headers."""
    sent = sending(trace_in(command), instance, str(time.time_ns() // 10**6))
    if not sent:
        return ()
    return (*sent, (ASKED, f"{_word(command, HOP) or '- -'} {kind}".encode()))


def trace_in(headers: Pairs) -> Trace | None:
    """Return the trace context of a record's sending, if its headers have one."""
    return Trace.read(_word(headers, TRACEPARENT))


def hop_of(headers: Pairs) -> Sent:
    """Return the sender of a record."""
    return read(_word(headers, HOP))


def asked_of(headers: Pairs) -> Sent:
    """Return the sender of the command that an event answers; `more` is the command's type."""
    return read(_word(headers, ASKED))


def read(given: str) -> Sent:
    """Return the words of a header."""
    words = given.split(" ")
    return Sent(*words) if len(words) == len(Sent._fields) else Sent(*words[:2])


def _word(headers: Pairs, name: str) -> str:
    """Return a header of ours as text; "" if it is missing or malformed."""
    found = headers.items() if isinstance(headers, Mapping) else headers or ()
    for one, value in found:
        if one == name:
            return value.decode() if value and len(value) <= _LONGEST and value.isascii() else ""
    return ""

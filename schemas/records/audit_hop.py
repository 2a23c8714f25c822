"""The behaviour log: one hop of a request's way, as `audit` holds it and as it is shown.

The topic holds what no other topic has: HTTP requests, and the tasks that dispatch hands out.
Commands and decisions are read from `events` (docs/decisions/0014).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["request", "command", "decision", "ignored", "task"]

OUTCOMES = ("ok", "denied", "refused", "failed", "unanswered", "sent", "ignored")
"""Of a request ok, denied (401, 403), refused (4xx), failed (5xx) or unanswered; of a decision ok,
refused or failed; of a command or a task sent; of an event that does not count ignored."""


class Hop(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one process did at one time. It holds ids and our words, never content or secrets.

    `time` is RFC 3339 in UTC. `trace`, `span` and `parent` are of W3C Trace Context, `instance` is
    the process. A request that begins has no `status` yet (0): a later record with the same `id`
    has it, and the `duration` in milliseconds. `route` is the template, `ids` are its values;
    `problem` is the kind of the error. With `repeats` the record stands for so many equal refusals
    of the same client since the record before. `type` is the command's or the event's.
    """

    id: str
    kind: Kind
    time: str
    service: str
    outcome: str
    instance: str = ""
    trace: str = ""
    span: str = ""
    parent: str = ""
    actor: str = ""
    stream: str = ""
    command: str = ""
    type: str = ""
    run: str = ""
    attempt: int = 0
    worker: str = ""
    method: str = ""
    route: str = ""
    ids: dict[str, str] = {}
    client: str = ""
    status: int = 0
    problem: str = ""
    duration: float = 0.0
    repeats: int = 0


def outcome_of(status: int) -> str:
    """Return the outcome of a request by its HTTP status; 0: it was not answered."""
    if status in (401, 403):
        return "denied"
    if status >= 400:
        return "failed" if status >= 500 else "refused"
    return "ok" if status else "unanswered"

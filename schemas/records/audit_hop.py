"""The behaviour log: one hop of a request's way, as it lies on `audit` and as it is shown.

On the topic are what the log does not tell otherwise: HTTP requests, and the tasks that are handed
out. Commands and decisions are read from `events` (docs/decisions/0014).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["OUTCOMES", "Hop", "Kind", "outcome_of"]

Kind = Literal["request", "command", "decision", "ignored", "task"]

OUTCOMES = ("ok", "denied", "refused", "failed", "unanswered", "sent", "ignored")
"""Of a request ok, denied (401, 403), refused (4xx), failed (5xx) or unanswered; of a decision ok,
refused or failed; of a command or a task sent; of an event that does not count ignored."""


class Hop(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one process did at one time. It has ids and words of ours, never content or secrets.

    `time` is RFC 3339 in UTC. `trace`, `span` and `parent` are of W3C Trace Context, `instance` is
    the process. A request that begins has no `status` yet (0): the record with the same `id` that
    follows has it, and the `duration` in milliseconds. `route` is the template, `ids` what stands
    in its place; `problem` is the kind of the error. With `repeats` it is the last of so many that
    were refused alike, from the same client, since the record before. `type` is the command's or
    the event's.
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
    """Return in a word how a request was answered, by its HTTP status; 0: not at all."""
    if status in (401, 403):
        return "denied"
    if status >= 400:
        return "failed" if status >= 500 else "refused"
    return "ok" if status else "unanswered"

"""The answers of service `dead_letters`."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.rest.page import Links


class DeadLetterSummary(Struct, kw_only=True):
    """A dead letter. `topic`, `partition` and `offset` are those of the record.

    It is `open` until its `command` is retried and answered; `answer` is the type of that event.
    `size` is of its value, in bytes; of a `cut` one only the beginning was kept.
    """

    id: str
    time: str
    topic: str
    partition: int
    offset: int
    reason: str
    size: int
    cut: bool
    state: str
    command: str
    answer: str | None
    links: Links


class DeadLetterDetail(DeadLetterSummary, kw_only=True):
    """A dead letter with its content.

    The `text` of a value that is UTF-8, else its `base64`; keys and headers likewise, in words such
    as `base64:AP8=`.
    """

    key: str | None
    headers: list[tuple[str, str]]
    text: str | None
    base64: str | None


class Retry(Struct):
    """The outcome of a retry. `answer` is the type of the event, None while it is undecided."""

    dead_letter: str
    command: str
    state: str
    stream: str | None
    answer: str | None
    links: Links

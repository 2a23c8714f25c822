"""The ports to the log, with all that the program needs of Kafka.

`KafkaLog` is the real one, `MemoryLog` its twin for tests of pure logic. Both pass the contract
suite in `testing/log_contract.py`. The words of the log:

- offset: the place of a record in its partition; that of a reader is the next one that it reads.
  Offsets of a topic are a dict by partition.
- begin, end: the offset of the oldest kept record, and that of the next append.
- position: an offset for each partition of `events`, as users see it (`eventlog/positions.py`).
- progress: the position of a reader, with the state of the admission rule.
- term: the number of a decider's claim of a partition; its events carry it.
- prev: the offset of the command that was answered before on the partition; each event carries it.
- admitted: counting, by term and prev (`eventlog/admission.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from autolearn.schemas.codec import Headers
from autolearn.schemas.errors import LogError
from autolearn.schemas.topics import Topic

Delivered = Callable[[LogError | None, int, int], None]
"""Called once per append, in the order of appends per partition: error or None, partition, offset.

It runs in a thread of the log's own and must return quickly.
"""

START_TIMEOUT = 900.0
"""Seconds that a process which starts waits for the brokers, and `autolearn up` for all of it."""


class Record(Struct, frozen=True, gc=False):
    """A record of a topic. `value` is None for a tombstone; `time` in milliseconds since 1970.

    `raw_headers` is a tuple, or an object that decodes them in `headers()`: that takes longer than
    all else, and most readers do not need them.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time: int
    raw_headers: Any

    @property
    def headers(self) -> Headers:
        """The headers in their order."""
        raw = self.raw_headers
        return raw if isinstance(raw, tuple) else tuple(raw.headers() or ())

    @property
    def content(self) -> bytes:
        """The value, empty for a tombstone."""
        return self.value or b""


class RecordReader(Protocol):
    """Reads some partitions of one topic in order."""

    def read(self, limit: int, timeout: float) -> list[Record]:
        """Return up to `limit` records; wait up to `timeout` seconds for the first of them.

        Raises:
            LogError: the broker refuses the reader, or an offset is gone.
        """

    def move(self, partition: int, offset: int) -> None:
        """Continue at these offsets, and read no other partition any more."""

    def rest(self) -> None:
        """Read nothing and fetch nothing until the next `move`."""

    def close(self) -> None:
        """Close the connection."""


class Producer(Protocol):
    """Appends records."""

    def append(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | bytes | None,
        partition: int | None = None,
        headers: Headers = (),
        time: int | None = None,
        delivered: Delivered | None = None,
    ) -> None:
        """Send one record; return before it is written. `delivered` receives the outcome.

        Without a partition, Kafka's murmur2 hash of the key chooses it, as in Java clients. `time`
        is the record's time stamp, in milliseconds since 1970 and above 0; None: now.

        Raises:
            TooLarge: the record is too large.
            LogError: the local queue is full.
        """

    def flush(self, timeout: float) -> None:
        """Wait until everything sent before this call is written. Callbacks run as ever.

        Raises:
            LogError: something is not written after `timeout` seconds.
        """


class RecordSource(Protocol):
    """Reads records, and the offsets of partitions."""

    def reader(
        self, topic: str, start: Mapping[int, int], *, fetch: int | None = None
    ) -> RecordReader:
        """Return a reader of the partitions in `start`, from these offsets on.

        With `fetch` the reader is for frequent seeks: it fetches so many bytes at a time, and does
        not wait for new records. Without it, the reader is for continuous reading.
        """

    def begins(self, topic: str) -> dict[int, int]:
        """Return the oldest kept offset per partition.

        Raises:
            LogError: the topic does not exist, or no broker answers.
        """

    def ends(self, topic: str) -> dict[int, int]:
        """Return the next offset per partition.

        Raises:
            LogError: the topic does not exist, or no broker answers.
        """

    def offsets_at(self, topic: str, time: int) -> dict[int, int]:
        """Return, per partition, the offset of the first record whose time is `time` or later.

        Times are the records' time stamps, in milliseconds since 1970. Without such a record, the
        offset is that of the next append.

        Raises:
            LogError: the topic does not exist, or no broker answers.
        """


class TopicAdmin(Protocol):
    """Creates, lists and cuts topics."""

    def create(self, topics: Iterable[Topic], timeout: float = 30.0) -> None:
        """Create the topics that are missing. Existing ones stay as they are.

        Raises:
            LogError: no broker answers within `timeout` seconds, or it refuses.
            TopicMismatch: a topic exists with another number of partitions.
        """

    def partitions(self) -> dict[str, int]:
        """Return every topic, and its number of partitions.

        Raises:
            LogError: no broker answers.
        """

    def cluster(self) -> str:
        """Return the id of the Kafka cluster.

        Raises:
            LogError: no broker answers.
        """

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete, per partition, the records before an offset: it becomes the oldest one kept.

        Raises:
            LogError: there is no such offset, or the broker refuses.
        """


class Log(Producer, RecordSource, TopicAdmin, Protocol):
    """A log of topics with partitions; a component asks for the port that it uses."""

    def close(self) -> None:
        """Flush for a moment, then close the connection."""

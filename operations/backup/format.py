"""What the files of a backup say, and how each record is written as a line of JSON.

    manifest.json                       what this is: version, topics, offsets, digests
    log/<topic>/<partition>.jsonl       a line for each record, in the order of offsets
    keys.jsonl                          a line for each session's key, as it is wrapped
    artifacts/...                       the files of the artifact store, as they lie there
    SHA256SUMS                          the SHA-256 of every other file, as `sha256sum -c` reads it

docs/backup.md is for whoever reads this without the program.
"""

from __future__ import annotations

import base64

import msgspec
from msgspec import Struct

from autolearn.artifacts.store.copy import StoreSize
from autolearn.eventlog.log import Record
from autolearn.operations.backup.errors import BackupRefused, Damaged

COMPACTED = ("predictions", "truths", "prediction-hours")
"""Topics of which the brokers keep the newest record of each key."""
_FORMAT = 4
"""The version of the format. A program reads its own and the older ones: 1 has no checkpoints, and
neither 1 nor 2 has keys or the behaviour log; 1 to 3 have no predictions, no
truths and no hours of them."""
MANIFEST, SUMS, ARTIFACTS, KEYS = "manifest.json", "SHA256SUMS", "artifacts", "keys.jsonl"


class Base64(Struct, frozen=True):
    """Bytes that are not UTF-8."""

    base64: str


Text = str | Base64 | None


class Line(Struct, frozen=True, gc=False):
    """One record. `time` is in milliseconds since 1970; a `value` of None is a tombstone."""

    offset: int
    time: int
    key: Text
    headers: list[tuple[str, Text]]
    value: Text


class PartitionLog(Struct, frozen=True):
    """The records of one partition from offset `first` up to `end` (exclusive), in `file`."""

    partition: int
    first: int
    end: int
    records: int
    file: str


class TopicLog(Struct, frozen=True):
    """The records of one topic. `topic` is its name without the prefix."""

    topic: str
    partitions: list[PartitionLog]


class Manifest(Struct, frozen=True, kw_only=True):
    """The manifest of a backup. `made` is when it was begun (RFC 3339, UTC).

    `digests` has the digest of every view (`projections.views.view`), folded from the events.
    """

    format: int = _FORMAT
    program: str
    made: str
    prefix: str
    cluster: str
    topics: list[TopicLog]
    artifacts: StoreSize
    digests: dict[str, str]

    def topic(self, name: str) -> TopicLog:
        """Return a topic by its name without the prefix. Raises Damaged if it is missing."""
        for topic in self.topics:
            if topic.topic == name:
                return topic
        raise Damaged(f"{MANIFEST} has no topic {name!r}.")

    def records(self) -> int:
        """Return the number of all records."""
        return sum(part.records for topic in self.topics for part in topic.partitions)


class FormatOnly(Struct):
    """The part that is read before the version is known."""

    format: int


encoder = msgspec.json.Encoder()
line_decoder = msgspec.json.Decoder(Line)


def as_text(data: bytes | None) -> Text:
    """Return bytes as text for a line if they are UTF-8, else as base64."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return Base64(base64.b64encode(data).decode())


def as_bytes(text: Text) -> bytes | None:
    """Return the bytes of `as_text`. Raises ValueError for malformed base64."""
    if isinstance(text, Base64):
        return base64.b64decode(text.base64, validate=True)
    return None if text is None else text.encode()


def line_of(record: Record) -> bytes:
    """Encode a record as a line of JSON."""
    line = Line(
        offset=record.offset,
        time=record.time,
        key=as_text(record.key),
        headers=[(name, as_text(value)) for name, value in record.headers],
        value=as_text(record.value),
    )
    return encoder.encode(line) + b"\n"


def empty_line(offset: int) -> bytes:
    """Encode the line of a place on the log that has no record any more."""
    return encoder.encode(Line(offset, 1, "", [], None)) + b"\n"


def decode_line(line: bytes) -> Line:
    """Decode the record of a line.

    Raises:
        ValueError: it is not one.
    """
    return line_decoder.decode(line)


def decode_manifest(content: bytes) -> Manifest:
    """Decode a manifest.

    Raises:
        BackupRefused: it is of a newer version.
        Damaged: it is no manifest.
    """
    try:
        version = msgspec.json.decode(content, type=FormatOnly).format
        if version > _FORMAT:
            raise BackupRefused(
                f"The backup has format version {version}; this program knows {_FORMAT}.",
                advice="Restore it with the version of AutoLearn that made it, or a later one.",
            )
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(f"{MANIFEST} cannot be read: {error}.") from None

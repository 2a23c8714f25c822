"""Positions: points in the whole log, which users see as one word."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.log import RecordSource
from autolearn.eventlog.read import read_record
from autolearn.schemas.codec import to_json
from autolearn.schemas.errors import PositionError

REACHED, AFTER = "AutoLearn-Reached", "AutoLearn-After"
"""HTTP headers with a position: the progress behind an answer, and the one that a request
requires."""


class PartitionPosition(Struct, array_like=True, frozen=True, gc=False):
    """A point on one partition of `events`: everything before the offset `next`.

    `term` and `last` are those of the admission rule there, so that reading can go on.
    """

    partition: Annotated[int, Meta(ge=0)]
    next: Annotated[int, Meta(ge=0)] = 0
    term: int = 0
    last: int = -1

    @classmethod
    def of(cls, partition: int, reached: PartitionProgress) -> PartitionPosition:
        """Return the position of a reader on a partition."""
        return cls(partition, reached.next, reached.term, reached.last)

    def progress(self) -> PartitionProgress:
        """Return the state of the admission rule at this position."""
        return PartitionProgress(self.next, self.term, self.last)


class Position(Struct, array_like=True, frozen=True, gc=False):
    """A point in the whole log. `log` identifies the log (see `log_id`)."""

    log: str
    places: tuple[PartitionPosition, ...]

    @classmethod
    def of(cls, log: str, reached: Mapping[int, PartitionProgress]) -> Position:
        """Return the position of a reader."""
        return cls(log, tuple(PartitionPosition.of(p, at) for p, at in sorted(reached.items())))

    @classmethod
    def parse(cls, token: str) -> Position:
        """Parse a position's token.

        Raises:
            PositionError: it is not a position's token.
        """
        try:
            content = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
            position = msgspec.json.decode(content, type=cls)
        except (binascii.Error, msgspec.DecodeError, ValueError):
            raise PositionError(
                f"{token[:120]!r} is not a position.",
                advice="Take the `token` of `autolearn position` or of an answer, as it is; where "
                "a time may stand: 2h, 3d, 2026-01-31, or 2026-01-31T09:30.",
            ) from None
        partitions = [place.partition for place in position.places]
        if len(set(partitions)) < len(partitions):
            raise PositionError(f"{token[:120]!r} names a partition twice.")
        return position

    def token(self) -> str:
        """Return the position as one word."""
        return base64.urlsafe_b64encode(to_json(self)).decode().rstrip("=")

    def joined(self, earlier: Position) -> Position:
        """Return the later of this position and an earlier one, unless that is another log's."""
        if "" not in (self.log, earlier.log) and self.log != earlier.log:
            return self
        both = {place.partition: place for place in earlier.places}
        for place in self.places:
            before = both.get(place.partition, place)
            both[place.partition] = max(before, place, key=lambda one: one.next)
        return Position(self.log or earlier.log, tuple(both[number] for number in sorted(both)))

    def next(self, partition: int) -> int:
        """Return the offset behind the position on a partition."""
        return next((place.next for place in self.places if place.partition == partition), 0)

    def check(self, log: str, ends: Mapping[int, int]) -> None:
        """Check that this is a point in that log, as far as it is written.

        Raises:
            PositionError: it belongs to another log, or lies in the future.
        """
        known = self.log in ("", log) and all(place.partition in ends for place in self.places)
        if not known:
            raise PositionError(
                "The position belongs to another log than the one that is read here.",
                advice="Positions hold on the cluster that told them, and where it was restored.",
            )
        ahead = [place for place in self.places if place.next > ends[place.partition]]
        if ahead:
            raise PositionError(
                f"The position lies in the future: it is at offset {ahead[0].next} of partition "
                f"{ahead[0].partition}, which ends at {ends[ahead[0].partition]}.",
                advice="Ask again later, or for a position that was told before.",
            )


def log_id(log: RecordSource, topic: str) -> str:
    """Return the id of a log: 16 hex digits of its first record's SHA-256.

    The record is that of partition 0, and stays the same when the log is restored from a backup. An
    empty partition has none yet: "".

    Raises:
        LogError: the log cannot be read.
    """
    if not log.ends(topic)[0]:
        return ""
    return hashlib.sha256(read_record(log, topic, 0, 0).content).hexdigest()[:16]

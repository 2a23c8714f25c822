"""The findings about a chain: the first record of a partition that differs."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["changed", "truncated", "signature", "checkpoint-missing", "reported", "unsigned"]


class ChainFinding(Struct, frozen=True):
    """What is wrong first on a partition of `events`.

    `offset` is the first record that neither a checkpoint nor a header shows to be as it was. The
    change lies after the offset `after` (-1: the beginning) and not after `until` (None: the end):
    those are attested by the checkpoints around it, which are signed, and headers are not. Of the
    kinds signature, checkpoint-missing and reported, `offset` is the one that the checkpoint
    attests, if known.
    """

    partition: int
    kind: Kind
    offset: int
    detail: str
    after: int = -1
    until: int | None = None


class Attested(Struct, frozen=True):
    """The newest checkpoint up to which a partition is unchanged."""

    offset: int
    events: int
    hash: str
    time: str


class Report(Struct, frozen=True):
    """The result for one partition.

    Of its `records`, `events` were admitted and `left_out` do not count. `checkpoints` hold;
    `attested` is the newest of them, and `unattested` events come after it.
    """

    partition: int
    records: int
    events: int
    left_out: int
    checkpoints: int
    attested: Attested | None
    unattested: int
    finding: ChainFinding | None

"""What is said about the hash chain of each partition of `events` (docs/chain.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["CHECKPOINT_TYPE", "Checkpoint", "Digest", "Proof"]

CHECKPOINT_TYPE = "autolearn-checkpoint"
"""The `typ` of a checkpoint's signature: nothing else that the key may ever sign passes for one."""

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""A SHA-256 in hexadecimal."""
Number = Annotated[int, Meta(ge=0)]


class Checkpoint(Struct, frozen=True, kw_only=True):
    """That a partition of `events` had this hash after this many admitted events, at that time.

    `offset` is where the newest of them lies; `term` and `last` are the admission rule's there, so
    that checking can begin here. `previous` is the SHA-256 of the partition's checkpoint before
    this one as it lies on the log, "" for the first. `broken` is an offset at which whoever signs
    has found the log to be another than it was: it attests what is there, not that it is right.
    """

    partition: Number
    offset: Number
    events: Annotated[int, Meta(ge=1)]
    hash: Digest
    term: Number
    last: Annotated[int, Meta(ge=-1)]
    time: str
    previous: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""
    broken: Number | None = None
    v: Literal[1] = 1


class Proof(Struct, frozen=True, kw_only=True):
    """That an event was on the log when a checkpoint was signed; it can be checked without the log.

    `event` is its value's text, exactly; `before` the chain's hash before it; `after` the SHA-256
    of each admitted value that follows, up to the checkpoint; `checkpoint` the signature (JWS).
    `partition` and `offset` say where it was found; the checkpoint attests the partition only.
    """

    format: Literal["autolearn-proof/1"] = "autolearn-proof/1"
    partition: Number
    offset: Number
    event: str
    before: Digest
    after: list[Digest]
    checkpoint: str

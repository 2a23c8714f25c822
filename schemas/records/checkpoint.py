"""Checkpoints and proofs of the hash chain of each partition of `events` (docs/chain.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

CHECKPOINT_TYPE = "autolearn-checkpoint"
"""The `typ` of a checkpoint's signature: no other signature of the key passes for one."""

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""A SHA-256 in hexadecimal."""
Number = Annotated[int, Meta(ge=0)]


class Checkpoint(Struct, frozen=True, kw_only=True):
    """The hash of a partition of `events` after so many admitted events, at a time.

    `offset` is that of the newest of them; `term` and `last` are the admission rule's there, so
    that a check can begin here. `previous` is the SHA-256 of the partition's checkpoint before this
    one as it lies on the log, "" for the first. `broken` is an offset at which the signer has found
    the log changed: the checkpoint attests the present content, not that it is right.
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
    """A proof that a signed checkpoint covers an event; it can be checked without the log.

    `event` is its value's exact text; `before` the chain's hash before it; `after` the SHA-256 of
    each admitted value that follows, up to the checkpoint; `checkpoint` the signature (JWS).
    `partition` and `offset` say where it was found; the checkpoint attests the partition only.
    """

    format: Literal["autolearn-proof/1"] = "autolearn-proof/1"
    partition: Number
    offset: Number
    event: str
    before: Digest
    after: list[Digest]
    checkpoint: str

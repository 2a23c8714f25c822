"""Proves, without a log, that a signed checkpoint covers an event."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.integrity.hash_chain import Chain, link, link_digest
from autolearn.eventlog.integrity.signed_checkpoints import chain_at, opened, unchecked
from autolearn.operations.chain.sources import Source, UnreadableSource
from autolearn.schemas.codec import EventRecord, decode_event
from autolearn.schemas.errors import AutoLearnError, ExitCode, MalformedRecord
from autolearn.schemas.records.checkpoint import Checkpoint, Proof
from autolearn.security.signing_keys import PublicKeys

_PLACE = re.compile(r"(\d{1,9})-(\d{1,18})")
_ANSWER = re.compile(r"(\d{1,9})-(\d{1,18})-\d+")
_OTHER = re.compile(r"(\d{1,9})-.{1,200}")


class ProofRefused(AutoLearnError):
    """The proof does not exist, or does not hold."""

    title = "That is not proved"
    exit_code = ExitCode.NO


class Wanted(NamedTuple):
    """The event to prove: by its offset, or by its id (and the offset of its command)."""

    partition: int
    offset: int | None = None
    id: str = ""
    command: int | None = None

    @classmethod
    def of(cls, word: str) -> Wanted:
        """Parse PARTITION-OFFSET or an event's id.

        Raises:
            ProofRefused: it is neither.
        """
        if found := _PLACE.fullmatch(word):
            return cls(int(found[1]), offset=int(found[2]))
        if found := _ANSWER.fullmatch(word):
            return cls(int(found[1]), id=word, command=int(found[2]))
        if found := _OTHER.fullmatch(word):
            return cls(int(found[1]), id=word)
        raise ProofRefused(
            f"{word[:80]!r} is neither the id of an event nor PARTITION-OFFSET.",
            title="There is no such event",
            advice="`autolearn history STREAM -o json` and `autolearn events` show ids.",
        )

    def comes_after(self, one: Checkpoint) -> bool:
        """Return whether it surely comes after the attested events of a checkpoint."""
        if self.offset is not None:
            return self.offset > one.offset
        return self.command is not None and self.command > one.last

    def matches(self, offset: int, record: EventRecord) -> bool:
        """Return whether a record is it."""
        return offset == self.offset if self.offset is not None else record.id == self.id


def prove(source: Source, wanted: Wanted, keys: PublicKeys) -> Proof:
    """Return the proof of an event, and check it.

    Raises:
        ProofRefused: there is no such event, it does not count, or no checkpoint attests it yet.
        SignatureRefused: the checkpoint after it is not signed by one of the keys.
        LogError: the log cannot be read.
    """
    if wanted.partition not in source.spans():
        raise _absent(f"The log has no partition {wanted.partition}.")
    checkpoints = _checkpoints_of(source, wanted.partition)
    try:
        found = _follow(source, wanted, checkpoints)
    except UnreadableSource as error:
        raise ProofRefused(f"The records cannot be read: {error}") from None
    check_proof(found, keys)
    return found


def _checkpoints_of(source: Source, partition: int) -> list[tuple[Checkpoint, bytes]]:
    """Return the checkpoints of a partition in the order of the events that they attest."""
    found = []
    for at, token in source.tokens():
        if at == partition:
            try:
                found.append((unchecked(token), token))
            except MalformedRecord:
                continue  # a foreign record: `replay verify --chain` reports it
    return sorted(found, key=lambda one: one[0].events)


def _follow(
    source: Source, wanted: Wanted, checkpoints: Sequence[tuple[Checkpoint, bytes]]
) -> Proof:
    """Read from the last checkpoint before the event to the first one that attests it."""
    chain, progress = Chain(), PartitionProgress()
    for one, _ in checkpoints:
        if wanted.comes_after(one):
            chain, progress = chain_at(one), PartitionProgress(one.offset + 1, one.term, one.last)
    tokens = {one.events: token for one, token in checkpoints}
    value, place, before, after = b"", -1, b"", list[str]()
    for written in source.records(wanted.partition, progress.next):
        record = _event_at(written.offset, written.value)
        counts = progress.admit(record)
        if place < 0 and wanted.matches(written.offset, record):
            if not counts:
                raise ProofRefused(f"The record at offset {written.offset} does not count.")
            value, place, before = written.value, written.offset, chain.hash
        elif place >= 0 and counts:
            after.append(sha256(written.value).hexdigest())
        if counts:
            chain = chain.then(written.offset, written.value)
        if place >= 0 and chain.events in tokens:
            return _proof(wanted, (place, value), before, after, tokens[chain.events])
    if place < 0:
        raise _absent("No record of that partition is it.")
    raise ProofRefused(
        f"No checkpoint attests the record at offset {place} yet.",
        advice="Ask again in a minute; `autolearn status` says if none is signed.",
    )


def _proof(
    wanted: Wanted, found: tuple[int, bytes], before: bytes, after: list[str], token: bytes
) -> Proof:
    return Proof(
        partition=wanted.partition,
        offset=found[0],
        event=found[1].decode(),
        before=before.hex(),
        after=after,
        checkpoint=token.decode(),
    )


def _event_at(offset: int, value: bytes) -> EventRecord:
    try:
        return decode_event(value)
    except MalformedRecord as error:
        raise ProofRefused(f"The record at offset {offset} is no event: {error.detail}") from None


def _absent(why: str) -> ProofRefused:
    """Return the error for a missing event."""
    return ProofRefused(why, title="There is no such event")


class Proved(NamedTuple):
    """The content of a proof: the event, its number on its partition, and the signed checkpoint."""

    event: EventRecord
    number: int
    checkpoint: Checkpoint


def check_proof(given: Proof, keys: PublicKeys) -> Proved:
    """Check a proof; nothing but the public keys is needed.

    Raises:
        SignatureRefused: the checkpoint is not signed by one of the keys.
        ProofRefused: the event and the digests do not come to the hash that was signed.
    """
    checkpoint = opened(given.checkpoint.encode(), keys)
    found = _chained(bytes.fromhex(given.before), given.event.encode(), given.after)
    number = checkpoint.events - len(given.after)
    if checkpoint.partition != given.partition or number < 1:
        raise ProofRefused("The checkpoint is one of another partition, or of fewer events.")
    if found.hex() != checkpoint.hash:
        raise ProofRefused(
            f"The event and those after it come to {found.hex()}, signed is {checkpoint.hash}."
        )
    try:
        return Proved(decode_event(given.event.encode()), number, checkpoint)
    except MalformedRecord as error:
        raise ProofRefused(f"What was signed is no event: {error.detail}") from None


def _chained(before: bytes, value: bytes, after: Iterable[str]) -> bytes:
    found = link(before, value)
    for digest in after:
        found = link_digest(found, bytes.fromhex(digest))
    return found

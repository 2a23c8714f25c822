"""The deciders' own state: per stream its state, its sequence, and the ids of its commands."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, Struct

from autolearn.agents.deciders import DECIDERS
from autolearn.agents.deciders.decider import Decider
from autolearn.eventlog.admission import TERM_STARTED, Progress
from autolearn.eventlog.chain import Chain
from autolearn.projections.rows import Rows
from autolearn.projections.store import Store, key
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.confidential import outline_of

__all__ = ["States", "Stream", "decider_of"]

# Keeps the order of a dict, unlike the codec: a session's runs stay in the order of their requests,
# so that a decision is the same before and after its stream was stored.
encoder = msgspec.json.Encoder()
decoders = {kind: msgspec.json.Decoder(decider.kind) for kind, decider in DECIDERS.items()}


class Stream(Struct, frozen=True):
    """A stream as its decider sees it: how many events it has, and the state after them.

    `keyid` is the key with which what is said in it is encrypted, "" for none.
    """

    sequence: int
    state: object
    keyid: str = ""


class StoredStream(Struct, frozen=True, omit_defaults=True):
    """A stream as it is stored."""

    sequence: int
    state: Raw
    keyid: str = ""


class Seen(Struct, frozen=True, gc=False):
    """A command that was answered: by which event of its stream."""

    sequence: int


def decider_of(stream: str) -> Decider:
    """Return the rules for a stream, by its name."""
    return DECIDERS[stream.partition("/")[0]]


class States:
    """Folds events into the deciders' state (`eventlog.follower.Projection`)."""

    def __init__(self, store: Store) -> None:
        self.rows = Rows(store)

    def load(self, stream: str) -> Stream:
        """Return a stream, with the initial state if it has no events."""
        stored = self.rows.get(key("state", stream), StoredStream)
        if stored is None:
            return Stream(0, decider_of(stream).initial)
        decoder = decoders[stream.partition("/")[0]]
        return Stream(stored.sequence, decoder.decode(stored.state), stored.keyid)

    def seen(self, stream: str, command: str) -> bool:
        """Say whether a command of this stream was answered before."""
        return self.rows.get(key("seen", stream, command), Seen) is not None

    def progress(self) -> Mapping[int, Progress]:
        """Return how far the stored content has come, per partition."""
        return self.rows.progress()

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Take one admitted event in."""
        if record.type == TERM_STARTED:
            return
        before = self.load(record.subject)
        after = decider_of(record.subject).evolve(before.state, outline_of(record))
        keyid = before.keyid or ("" if record.keyid is UNSET else record.keyid)
        stored = StoredStream(record.sequence, Raw(encoder.encode(after)), keyid)
        self.rows.put(key("state", record.subject), stored)
        self.rows.put(key("seen", record.subject, record.causationid), Seen(record.sequence))

    def chain(self, partition: int) -> Chain | None:
        """Return the hash chain of a partition as far as it was folded; None: it was not kept."""
        return self.rows.get(key("chain", partition), Chain)

    def keep_chain(self, partition: int, chain: Chain) -> None:
        """Keep the hash chain of a partition; it is stored with the next commit."""
        self.rows.put(key("chain", partition), chain)

    def forget_chain(self, partition: int) -> None:
        """Keep no hash chain from here on."""
        self.rows.delete(key("chain", partition))

    def commit(self, progress: Mapping[int, Progress]) -> None:
        """Write what was folded and how far that is, both or neither."""
        self.rows.commit(progress)

    def reset(self) -> None:
        """Delete everything."""
        self.rows.reset()

"""The deciders' own state: per stream its state, its sequence, and the ids of its commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from autolearn.agents.deciders import DECIDERS
from autolearn.agents.deciders.decider import NO_PARTS, Decider, Parts
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.integrity.hash_chain import Chain
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import Store, key
from autolearn.schemas.codec import EventRecord, to_json
from autolearn.schemas.confidentiality import outline_of

decoders = {kind: msgspec.json.Decoder(decider.kind) for kind, decider in DECIDERS.items()}

_FORMAT = b"6"
"""Changes whenever what is stored changes: a store of another format is folded again."""
FORMAT_KEY = key("format")
Part = Callable[[str], Any]
"""Finds a part of a stream by its id."""


class Stream(Struct, frozen=True):
    """A stream as its decider sees it: its number of events, and the state after them.

    `keyid` is the key that encrypts its data, "" for none.
    """

    sequence: int
    state: object
    keyid: str = ""


class StoredStream(Struct, frozen=True, omit_defaults=True):
    """A stream as it is stored."""

    sequence: int
    state: Raw
    keyid: str = ""


class AnsweredCommand(Struct, frozen=True, gc=False):
    """A command that was answered: by which event of its stream."""

    sequence: int


def decider_of(stream: str) -> Decider[Any, Any]:
    """Return the rules for a stream, by its name."""
    return DECIDERS[stream.partition("/")[0]]


def _state_key(stream: str) -> bytes:
    return f"state\0{stream}".encode()


def _part_key(stream: str, part: str) -> bytes:
    return f"part\0{stream}\0{part}".encode()


def _seen_key(stream: str, command: str) -> bytes:
    return f"seen\0{stream}\0{command}".encode()


def with_parts(state: Any, find: Part) -> Any:
    """Return a state with its parts, which `find` finds; one without parts unchanged."""
    return replace(state, parts=Parts(find)) if hasattr(state, "parts") else state


def changes_of(state: Any) -> Mapping[str, Struct | None]:
    """Return the parts of a state that were changed since it was loaded; None: removed."""
    changed: Mapping[str, Struct | None] = getattr(state, "parts", NO_PARTS).changed
    return changed


class DeciderStateStore:
    """Folds events into the deciders' state (`eventlog.consumers.projector.Projection`).

    A stream is a row, and each of its parts another: an event is folded at the cost of what it
    changes.
    """

    def __init__(self, store: Store) -> None:
        self.rows = RowBatch(store)
        self.marked = store.get(FORMAT_KEY) == _FORMAT
        if not self.marked and self.rows.progress():
            store.clear()

    def load(self, stream: str) -> Stream:
        """Return a stream, with the initial state if it has no events."""
        stored = self.rows.get(_state_key(stream), StoredStream)
        if stored is None:
            return Stream(0, decider_of(stream).initial)
        state = decoders[stream.partition("/")[0]].decode(stored.state)
        return Stream(stored.sequence, with_parts(state, partial(self.part, stream)), stored.keyid)

    def part(self, stream: str, part: str) -> Struct | None:
        """Return a part of a stream, or None."""
        kind = decider_of(stream).part
        return None if kind is None else self.rows.get(_part_key(stream, part), kind)

    def seen(self, stream: str, command: str) -> bool:
        """Return whether a command of this stream was answered before."""
        return self.rows.get(_seen_key(stream, command), AnsweredCommand) is not None

    def progress(self) -> Mapping[int, PartitionProgress]:
        """Return how far the stored content has come, per partition."""
        return self.rows.progress()

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Fold one admitted event."""
        if record.subject.startswith("partition/"):  # it is of no stream
            return
        before = self.load(record.subject)
        evolve = decider_of(record.subject).evolve
        after = evolve(before.state, outline_of(record), record.actor)
        keyid = before.keyid or ("" if record.keyid is UNSET else record.keyid)
        for name, part in changes_of(after).items():
            at = _part_key(record.subject, name)
            self.rows.delete(at) if part is None else self.rows.put(at, part)
        head = replace(after, parts=NO_PARTS) if hasattr(after, "parts") else after
        stored = StoredStream(record.sequence, Raw(to_json(head)), keyid)
        self.rows.put(_state_key(record.subject), stored)
        self.rows.put(
            _seen_key(record.subject, record.causationid), AnsweredCommand(record.sequence)
        )

    def chain(self, partition: int) -> Chain | None:
        """Return the folded hash chain of a partition; None: it was not kept."""
        return self.rows.get(key("chain", partition), Chain)

    def keep_chain(self, partition: int, chain: Chain) -> None:
        """Keep the hash chain of a partition; it is stored with the next commit."""
        self.rows.put(key("chain", partition), chain)

    def forget_chain(self, partition: int) -> None:
        """Stop keeping a hash chain."""
        self.rows.delete(key("chain", partition))

    def commit(self, progress: Mapping[int, PartitionProgress]) -> None:
        """Write the folded rows and the progress atomically."""
        if progress and not self.marked:
            self.rows.written[FORMAT_KEY], self.marked = _FORMAT, True
        self.rows.commit(progress)

    def reset(self) -> None:
        """Delete everything."""
        self.marked = False
        self.rows.reset()

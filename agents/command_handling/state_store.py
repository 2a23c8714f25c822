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
from autolearn.eventlog.integrity.hash_chain import Chain
from autolearn.projections.storage.projection import StoredProjection
from autolearn.projections.storage.table import NumberedTable, Table
from autolearn.schemas.codec import EventRecord, to_json
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.values import StreamId

decoders = {kind: msgspec.json.Decoder(decider.kind) for kind, decider in DECIDERS.items()}

_FORMAT = b"10"
"""Changes whenever what is stored changes: a store of another format is folded again."""
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


_STATES = Table("state", StoredStream)
"""By stream."""
_PARTS = {kind: Table("part", decider.part) for kind, decider in DECIDERS.items() if decider.part}
"""By stream and id, for each kind of stream."""
_SEEN = Table("seen", AnsweredCommand)
"""By stream and command."""
_CHAINS = NumberedTable("chain", Chain)
"""By partition."""


def decider_of(stream: StreamId) -> Decider[Any, Any]:
    """Return the rules for a stream, by its name."""
    return DECIDERS[stream.partition("/")[0]]


def with_parts(state: Any, find: Part) -> Any:
    """Return a state with its parts, which `find` finds; one without parts unchanged."""
    return replace(state, parts=Parts(find)) if hasattr(state, "parts") else state


def changes_of(state: Any) -> Mapping[str, Struct | None]:
    """Return the parts of a state that were changed since it was loaded; None: removed."""
    changed: Mapping[str, Struct | None] = getattr(state, "parts", NO_PARTS).changed
    return changed


class DeciderStateStore(StoredProjection):
    """Folds events into the deciders' state.

    A stream is a row, and each of its parts another: an event is folded at the cost of what it
    changes.
    """

    format = _FORMAT

    def load(self, stream: StreamId) -> Stream:
        """Return a stream, with the initial state if it has no events."""
        stored = self.rows.get(_STATES, stream)
        if stored is None:
            return Stream(0, decider_of(stream).initial)
        state = decoders[stream.partition("/")[0]].decode(stored.state)
        return Stream(stored.sequence, with_parts(state, partial(self.part, stream)), stored.keyid)

    def part(self, stream: StreamId, part: str) -> Struct | None:
        """Return a part of a stream, or None."""
        table = _PARTS.get(stream.partition("/")[0])
        return None if table is None else self.rows.get(table, stream, part)

    def seen(self, stream: StreamId, command: str) -> bool:
        """Return whether a command of this stream was answered before."""
        return self.rows.get(_SEEN, stream, command) is not None

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Fold one admitted event."""
        if record.subject.startswith("partition/"):  # it is of no stream
            return
        before = self.load(record.subject)
        evolve = decider_of(record.subject).evolve
        after = evolve(before.state, outline_of(record), record.actor)
        keyid = before.keyid or ("" if record.keyid is UNSET else record.keyid)
        for name, part in changes_of(after).items():
            self.rows.put(_PARTS[record.subject.partition("/")[0]], part, record.subject, name)
        head = replace(after, parts=NO_PARTS) if hasattr(after, "parts") else after
        stored = StoredStream(record.sequence, Raw(to_json(head)), keyid)
        self.rows.put(_STATES, stored, record.subject)
        answered = AnsweredCommand(record.sequence)
        self.rows.put(_SEEN, answered, record.subject, record.causationid)

    def chain(self, partition: int) -> Chain | None:
        """Return the folded hash chain of a partition; None: it was not kept."""
        return self.rows.get(_CHAINS, partition)

    def keep_chain(self, partition: int, chain: Chain) -> None:
        """Keep the hash chain of a partition; it is stored with the next commit."""
        self.rows.put(_CHAINS, chain, partition)

    def forget_chain(self, partition: int) -> None:
        """Stop keeping a hash chain."""
        self.rows.delete(_CHAINS, partition)

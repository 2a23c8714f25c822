"""Rebuilding: fold the log from its start into a store beside the one in use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.log import RecordSource
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.views import digests_of

_READ = 500
"""Records that are requested from the reader at once."""
COMMIT = 20_000
"""Records that are folded between two writes: hot rows are written once, memory stays bounded. More
of them no longer fit a processor's cache: 50,000 take 10 % longer."""

Told = Callable[[int, int], None]
"""Receives the number of folded records, and the number of all."""


class Rebuilt(Struct, frozen=True):
    """The outcome of a rebuild: records read, events admitted, seconds, and each view's digest.

    `resumed_at` counts the records that an interrupted rebuild before had folded already.
    """

    records: int
    events: int
    seconds: float
    events_per_s: float
    position: dict[int, int]
    digests: dict[str, str]
    resumed_at: int = 0


def rebuild(
    log: RecordSource,
    topic: str,
    folder: Path,
    goal: Mapping[int, int],
    told: Told = lambda *_: None,
) -> Rebuilt:
    """Fold the log up to `goal` (offsets, exclusive) into the store at `folder`.

    It uses the live fold, through the same projector, and resumes an interrupted rebuild in the
    folder.

    Raises:
        LogError: the log cannot be read.
        MalformedRecord: a record is not an event of ours; the message names its position.
    """
    with closing(RocksStore(folder, bulk=True)) as store:
        rebuilt = _fold_up_to(goal, Projector(log, topic, ReadModels(store), goal), told)
        return replace(rebuilt, digests=digests_of(store))


def _fold_up_to(goal: Mapping[int, int], follower: Projector, told: Told) -> Rebuilt:
    """Fold and store everything before `goal` with a projector, and close it.

    Raises:
        LogError: the log cannot be read.
        MalformedRecord: a record is not an event of ours; the message names its position.
    """
    began = time.perf_counter()
    total, before = sum(goal.values()), sum(goal.values()) - follower.short_of(goal)
    events = folded = 0
    with closing(follower):
        while left := follower.short_of(goal):
            records = follower.reader.read(_READ, 0.5)
            wanted = [one for one in records if one.offset < goal[one.partition]]
            events += len(follower.fold(wanted))
            folded += len(wanted)
            if folded >= COMMIT:
                follower.commit()
                folded = 0
            told(total - left, total)
        follower.commit()
        told(total, total)
        seconds = time.perf_counter() - began
    return Rebuilt(
        total - before, events, seconds, events / seconds, dict(goal), {}, resumed_at=before
    )

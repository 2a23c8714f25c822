"""Rebuilding one view: it is folded from the log, and all others are copied as they are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from autolearn.eventlog.follower import Follower
from autolearn.eventlog.log import Log
from autolearn.projections.parts import Part
from autolearn.projections.projection import FORMAT_KEY, FORMAT_VALUE, ReadModels
from autolearn.projections.queries import Moment
from autolearn.projections.rebuilding import COMMIT, Rebuilt, Told, digests_of, fold_up_to
from autolearn.projections.store import Readable, RocksStore, Store, prefix_of
from autolearn.schemas.errors import StoreError

__all__ = ["NotAlone", "fold_part", "rebuild_part"]


class NotAlone(StoreError):
    """A view cannot be rebuilt alone: the others, which it goes with, are not to be had."""

    title = "One view alone cannot be rebuilt"

    def __init__(self, detail: str) -> None:
        """Say why; what to do is always the same."""
        super().__init__(detail, advice="Rebuild everything: `autolearn replay rebuild`.")


def rebuild_part(
    log: Log, topic: str, others: Readable, folder: Path, part: Part, told: Told
) -> Rebuilt:
    """Make the store at `folder` what `others` is, at the same position, but with a part refolded.

    `others` must not change meanwhile. What an interrupted rebuild of this part has left in the
    folder is gone on with.

    Raises:
        NotAlone: `others` holds nothing, or rows of another format or of another log.
        LogError: the log cannot be read.
        MalformedRecord: a record is not an event of ours; the message names its position.
    """
    reached = Moment(others).progress()
    goal = {partition: at.next for partition, at in reached.items()}
    if not any(goal.values()):
        raise NotAlone("There are no read models yet whose other views could be kept.")
    if others.get(FORMAT_KEY) != FORMAT_VALUE:
        raise NotAlone("The read models are of another version of AutoLearn.")
    ends = log.ends(topic)
    if any(ends.get(partition, 0) < end for partition, end in goal.items()):
        raise NotAlone("The read models have more events than this log: they are of another one.")
    rebuilt = fold_part(log, topic, folder, part, goal, told)
    store = RocksStore(folder, bulk=True)
    try:
        if Moment(store).progress() != reached:
            raise NotAlone("The read models are of another log than this one.")
        for table in part.other_tables():
            copy(others, store, table)
        return replace(rebuilt, digests=digests_of(store))
    finally:
        store.close()


def fold_part(
    log: Log, topic: str, folder: Path, part: Part, goal: Mapping[int, int], told: Told
) -> Rebuilt:
    """Fold a part of the log up to `goal` (offsets, exclusive) into the store at `folder`.

    The store has no other views then. What an interrupted rebuild of this part has left in it is
    gone on with, unless it is past the goal.

    Raises:
        LogError: the log cannot be read.
        MalformedRecord: a record is not an event of ours; the message names its position.
    """
    store = RocksStore(folder, bulk=True)
    try:
        models = ReadModels(store, part.fold)
        begun = models.progress()
        if copied(store, part) or any(at.next > goal.get(p, 0) for p, at in begun.items()):
            models.reset()
        return fold_up_to(goal, Follower(log, topic, models, goal), told)
    finally:
        store.close()


def copied(store: Readable, part: Part) -> bool:
    """Say whether rows of other views were copied, perhaps not all, or as they no longer are."""
    return any(True for table in part.other_tables() for _ in store.scan(prefix_of(table)))


def copy(source: Readable, target: Store, table: str) -> None:
    """Copy all rows of a table."""
    rows = source.scan(prefix_of(table))
    while some := dict(islice(rows, COMMIT)):
        target.write(some)

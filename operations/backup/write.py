"""Makes a backup while the system runs: a cut through the log, then the artifacts.

The cut is consistent without stopping anything. The ends of `checkpoints` are taken first, then
those of `events`, and those of `commands` after them: the set holds the events that its checkpoints
attest, and the commands that its events answer. An event of one partition after its end, which has
had effects on another before the other's end, is decided again after a restore from the same
command in the same order, so it comes out the same. Artifacts are copied last: each was in the
store before the command or event that names it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import Struct

from autolearn.artifacts.store.copy import StoreSize, copy_all
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.log import Log, RecordSource
from autolearn.operations.backup.checksums import write_sums
from autolearn.operations.backup.errors import BackupFailed, BackupRefused
from autolearn.operations.backup.format import (
    ARTIFACTS,
    COMPACTED,
    MANIFEST,
    Manifest,
    PartitionLog,
    TopicLog,
    empty_line,
    line_of,
)
from autolearn.operations.backup.session_keys import copy_keys
from autolearn.projections.rebuild.rebuild import rebuild
from autolearn.runtime.durable import sync
from autolearn.schemas.errors import LogError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

Told = Callable[[str, int, int], None]
"""Receives a stage's name, its progress, and its total: records, or bytes."""

_EVENTS = "events"
_PATIENCE = 30.0
"""Seconds without any record after which an unfinished read has failed."""


class Cut(Struct):
    """The range of one topic: per partition the first offset and the end (exclusive)."""

    topic: str
    name: str
    first: dict[int, int]
    end: dict[int, int]

    def records(self) -> int:
        """Return the number of records."""
        return sum(self.end.values()) - sum(self.first.values())


def write_backup(
    log: Log, settings: Settings, store: ArtifactStore, target: Path, told: Told
) -> Manifest:
    """Write a backup to the folder `target`, which gets its name only when it is whole.

    Raises:
        BackupRefused: `target` is not empty, or there is no log to back up.
        BackupFailed: the files cannot be written; nothing is left behind.
        LogError: the log cannot be read; nothing is left behind.
    """
    part = _new_folder(target)
    try:
        manifest = _fill(log, settings, store, part, told)
        part.rename(target)  # onto an empty folder, too
        sync(target.parent)
    except OSError as error:
        raise BackupFailed(
            f"{error.strerror or error}: {error.filename or part}.",
            advice="There is no backup now. Make room, or choose another folder.",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _new_folder(target: Path) -> Path:
    """Make the temporary folder of a backup, for this user only."""
    part = target.with_name(f"{target.name}.part")
    try:
        if target.exists() and any(target.iterdir()):
            raise BackupRefused(
                f"{target} has something in it.", advice="Choose a folder that is empty or new."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
    except FileExistsError:
        raise BackupRefused(
            f"{part} exists: another backup is being written there, or one was cut off.",
            advice="If none is being written, delete that folder. It is no backup.",
        ) from None
    except OSError as error:
        raise BackupRefused(
            f"{error.strerror}: {error.filename}.", advice="Choose a folder that can be written."
        ) from None
    return part


def _fill(log: Log, settings: Settings, store: ArtifactStore, folder: Path, told: Told) -> Manifest:
    """Write everything into a new folder."""
    made = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    cuts = _take_cuts(log, settings)
    topics = _copy_log(log, cuts, folder, told)
    copy_keys(log, settings, folder)
    held = _copy_artifacts(store, folder, told)
    manifest = Manifest(
        program=version("autolearn"),
        made=made,
        prefix=settings.kafka.topic_prefix,
        cluster=log.cluster(),
        topics=topics,
        artifacts=held,
        digests=_digests_at(log, next(cut for cut in cuts if cut.topic == _EVENTS), told),
    )
    with (folder / MANIFEST).open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
        os.fsync(file.fileno())
    write_sums(folder, lambda done, total: told("checksums", done, total))
    return manifest


def _take_cuts(log: Log, settings: Settings) -> list[Cut]:
    """Return the present end of each topic; a topic comes before the one that it refers to."""
    topics, there = Topics.of(settings), log.partitions()
    if topics.events.name not in there:
        raise BackupRefused(
            f"There is no topic {topics.events.name}.",
            title="There is nothing to back up",
            advice="Check AUTOLEARN_HOME, AUTOLEARN_KAFKA and AUTOLEARN_TOPIC_PREFIX.",
        )
    cuts = []
    for topic in topics.in_backup():
        suffix = topic.name.removeprefix(f"{settings.kafka.topic_prefix}.")
        end, first = log.ends(topic.name), log.begins(topic.name)
        # Between the two requests the oldest of the records may have expired: all of them, even.
        cuts.append(Cut(suffix, topic.name, first, {p: max(end[p], first[p]) for p in end}))
    for cut in cuts:
        if cut.topic == _EVENTS and any(cut.first.values()):
            raise BackupRefused(
                f"The oldest records of {cut.name} are gone: it begins at {cut.first}.",
                advice="Events must be kept for ever: check the retention of that topic.",
            )
    return cuts


def _copy_log(log: RecordSource, cuts: list[Cut], folder: Path, told: Told) -> list[TopicLog]:
    """Write the records of every cut."""
    total, done, topics = sum(cut.records() for cut in cuts), 0, []
    for cut in cuts:
        parts = [
            PartitionLog(p, first, cut.end[p], cut.end[p] - first, f"log/{cut.topic}/{p}.jsonl")
            for p, first in sorted(cut.first.items())
        ]
        for part in parts:
            path = folder / part.file
            path.parent.mkdir(parents=True, exist_ok=True)
            for records in _copy_partition(log, cut, part, path):
                done += records
                told("log", done, total)
        topics.append(TopicLog(cut.topic, parts))
    return topics


def _copy_partition(log: RecordSource, cut: Cut, part: PartitionLog, path: Path) -> Iterator[int]:
    """Write the records of one partition, a line each; yield counts of new ones.

    In the place of one that the brokers have compacted away is an empty one.
    """
    topic, expected, heard = cut.name, part.first, time.monotonic()
    reading = closing(log.reader(topic, {part.partition: part.first}))
    with reading as reader, path.open("wb") as file:
        while expected < part.end:
            records = reader.read(2000, 1.0)
            if records:
                heard = time.monotonic()
            elif time.monotonic() - heard > _PATIENCE:
                raise _no_more(topic, part, expected)
            before = expected
            for record in records:
                if record.offset != expected and cut.topic not in COMPACTED:
                    raise _no_more(topic, part, expected)
                for offset in range(expected, min(record.offset, part.end)):
                    file.write(empty_line(offset))
                if record.offset >= part.end:
                    expected = part.end
                    break
                file.write(line_of(record))
                expected = record.offset + 1
            yield expected - before
        file.flush()
        os.fsync(file.fileno())


def _no_more(topic: str, part: PartitionLog, offset: int) -> LogError:
    return LogError(
        f"Offset {offset} of partition {part.partition} of {topic} cannot be read; the end is "
        f"{part.end}. No backup was made.",
        advice="Check that the brokers run, and that only AutoLearn writes to that topic.",
    )


def _copy_artifacts(store: ArtifactStore, folder: Path, told: Told) -> StoreSize:
    """Copy the whole artifact store, so that no reference can be overlooked."""
    (folder / ARTIFACTS).mkdir()
    target = ArtifactStore((folder / ARTIFACTS).as_uri())
    held = copy_all(store, target, lambda done, total: told("artifacts", done, total))
    shutil.rmtree(folder / ARTIFACTS / "incoming", ignore_errors=True)
    return held


def _digests_at(log: RecordSource, events: Cut, told: Told) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="autolearn-backup-") as scratch:
        return rebuild(
            log,
            events.name,
            Path(scratch) / "views",
            events.end,
            lambda done, total: told("views", done, total),
        ).digests

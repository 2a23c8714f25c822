"""Restores a backup: the same records at the same offsets, the artifacts, the same digests.

Deciders resume by the offsets of `commands`, so these must be the same again. Where the oldest
commands had expired when the backup was made, empty records take their places and are deleted at
once, before any command is appended: nobody can read them.

An interrupted restore resumes: the target must hold the beginning of this backup, and nothing
behind it but revocations of its tokens. A complete restore has nothing to do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from autolearn.artifacts.store.copy import copy_all
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.log import Log, Record
from autolearn.eventlog.read import read_between
from autolearn.operations.backup.appender import Appender
from autolearn.operations.backup.errors import NotEmpty
from autolearn.operations.backup.format import Line, PartitionLog, TopicLog, as_bytes
from autolearn.operations.backup.read import BackupSet
from autolearn.operations.backup.session_keys import restore_keys
from autolearn.operations.backup.tokens import Tokens, is_revocation, tokens_of
from autolearn.operations.backup.write import Told
from autolearn.projections.rebuild.rebuild import rebuild
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topic, Topics

_PATIENCE = 60.0
"""Seconds within which the broker must acknowledge an append, or return the next record."""
_SETTINGS = {"commands": "AUTOLEARN_PARTITIONS", "events": "AUTOLEARN_PARTITIONS"}
"""The setting with the number of a topic's partitions; the other topics have a fixed number."""


class Restored(Struct, frozen=True):
    """The outcome of a restore. `already` of the `records` were there before it.

    `digests` are those of the views folded from the restored log; `differs` names the views with
    another digest in the backup. `tokens` are valid.
    """

    records: int
    already: int
    digests: dict[str, str]
    differs: list[str]
    tokens: Tokens


class RestoredPart(Struct):
    """One partition to restore: `next` is the first missing offset.

    `revoked`: an earlier restore has sent revocations of tokens there.
    """

    topic: str
    log: PartitionLog
    next: int
    revoked: bool


def check_set(settings: Settings, backup: BackupSet, told: Told) -> None:
    """Check the whole set, and that it fits the settings, without the brokers.

    Raises:
        Damaged: the set is not what was written.
        SettingsError: the settings have another number of partitions.
    """
    _check_partitions(settings, backup)
    backup.check(told)


def plan(log: Log, settings: Settings, backup: BackupSet) -> list[RestoredPart]:
    """Compare the target with the backup, and return the work to do, without writing.

    The set was checked. Topics may be missing, empty, or hold the beginning of this backup.

    Raises:
        NotEmpty: the target holds something else.
        LogError: the brokers cannot be reached.
    """
    _check_others(log, settings, backup)
    parts = []
    for topic in backup.manifest.topics:
        for part in topic.partitions:
            end = _end_of(log, settings, topic, part, backup)
            name = f"{settings.kafka.topic_prefix}.{topic.topic}"
            parts.append(RestoredPart(name, part, min(end, part.end), end > part.end))
    return parts


def restore(
    log: Log,
    settings: Settings,
    store: ArtifactStore,
    backup: BackupSet,
    parts: list[RestoredPart],
    told: Told,
) -> Restored:
    """Carry out a `plan`: first the artifacts, then the log that names them.

    Raises:
        Tampered: an artifact that the store has already is damaged.
        LogError: the brokers did not take a record, or another process writes there.
    """
    copy_all(
        ArtifactStore(backup.artifacts.as_uri()),
        store,
        lambda done, total: told("artifacts", done, total),
    )
    log.create(Topics.of(settings).all())
    restore_keys(log, settings, backup.folder)
    already = _append_all(log, parts, backup, told)
    digests, tokens = _folded(log, settings, backup, told)
    expected = backup.manifest.digests
    differs = [view for view, digest in expected.items() if digests.get(view) != digest]
    return Restored(backup.manifest.records(), already, digests, differs, tokens)


def _check_partitions(settings: Settings, backup: BackupSet) -> None:
    """Refuse settings that give a topic another number of partitions."""
    for topic in Topics.of(settings).in_backup():
        name = _suffix_of(topic, settings)
        if name in ("checkpoints", "audit", "predictions", "truths", "prediction-hours"):
            continue  # as many as of events; older backups have none
        found = len(backup.manifest.topic(name).partitions)
        if found != topic.partitions:
            raise SettingsError(
                f"The backup has {found} partitions of {name}, the settings ask for "
                f"{topic.partitions}.",
                advice=f"Set {_SETTINGS.get(name, 'the number of partitions')} to {found}.",
            )


def _check_others(log: Log, settings: Settings, backup: BackupSet) -> None:
    """Refuse a target whose other topics hold records: a system has run there."""
    there, held = log.partitions(), {topic.topic for topic in backup.manifest.topics}
    for topic in Topics.of(settings).all():
        if _suffix_of(topic, settings) in {*held, "keys"} or topic.name not in there:
            continue
        if log.begins(topic.name) != log.ends(topic.name):
            raise _not_empty(settings, f"The topic {topic.name} has records.")


def _suffix_of(topic: Topic, settings: Settings) -> str:
    return topic.name.removeprefix(f"{settings.kafka.topic_prefix}.")


def _not_empty(settings: Settings, why: str) -> NotEmpty:
    return NotEmpty(
        why,
        advice=f"Delete the topics {settings.kafka.topic_prefix}.*, or choose another prefix "
        "(AUTOLEARN_TOPIC_PREFIX) or another folder (AUTOLEARN_HOME).",
    )


def _end_of(
    log: Log, settings: Settings, topic: TopicLog, part: PartitionLog, backup: BackupSet
) -> int:
    """Return the end of a partition that holds the backup's beginning, and perhaps revocations.

    Raises:
        NotEmpty: it does not hold the backup's beginning.
    """
    name, there = f"{settings.kafka.topic_prefix}.{topic.topic}", log.partitions()
    if name not in there:
        return 0
    where = f"partition {part.partition} of {name}"
    if there[name] != len(topic.partitions):
        raise _not_empty(settings, f"The topic {name} has {there[name]} partitions.")
    begin, end = log.begins(name)[part.partition], log.ends(name)[part.partition]
    behind = read_between(log, name, {part.partition: part.end}, {part.partition: end}, _PATIENCE)
    if end > part.end and not (topic.topic == "commands" and all(map(is_revocation, behind))):
        raise _not_empty(settings, f"There are records on {where} that are not in the backup.")
    if end and begin > part.first:
        raise _not_empty(settings, f"The oldest records on {where} are gone: it begins at {begin}.")
    found = read_between(log, name, {part.partition: begin}, {part.partition: end}, _PATIENCE)
    for line, record in zip(_places(backup, part, begin), found, strict=False):
        if not _same(line, record):
            raise _not_empty(settings, f"Offset {record.offset} on {where} is another record.")
    return end


def _places(backup: BackupSet, part: PartitionLog, start: int) -> Iterator[Line]:
    for offset in range(start, part.first):
        yield Line(offset, 1, "", [], None)
    for line in backup.lines(part):
        if line.offset >= start:
            yield line


def _same(line: Line, record: Record) -> bool:
    """Return whether a record on the log equals that of a line."""
    return (
        record.offset == line.offset
        and record.time == line.time
        and record.key == as_bytes(line.key)
        and record.value == as_bytes(line.value)
        and list(record.headers) == [(name, as_bytes(text)) for name, text in line.headers]
    )


def _append_all(log: Log, parts: list[RestoredPart], backup: BackupSet, told: Told) -> int:
    """Append the missing records; return how many records of the backup were there before."""
    total = sum(part.log.records for part in parts)
    already = sum(max(0, part.next - part.log.first) for part in parts)
    done = already
    for part in parts:
        _fill_up(log, part)
        appender = Appender(log, part.topic, part.log.partition, _PATIENCE)
        for line in _places(backup, part.log, max(part.next, part.log.first)):
            appender.append(line)
            done += 1
            if done % 1000 == 0:
                told("log", done, total)
        appender.flush()
    told("log", done, total)
    return already


def _fill_up(log: Log, part: RestoredPart) -> None:
    """Make a partition begin at its first offset: fill the places before, and delete them."""
    first, partition = part.log.first, part.log.partition
    if log.begins(part.topic)[partition] >= first:
        return
    appender = Appender(log, part.topic, partition, _PATIENCE)
    for offset in range(part.next, first):
        appender.append(Line(offset, 1, "", [], None))
    appender.flush()
    log.delete_before(part.topic, {partition: first})


def _folded(
    log: Log, settings: Settings, backup: BackupSet, told: Told
) -> tuple[dict[str, str], Tokens]:
    """Return the digests of all views, folded from the restored log, and its tokens."""
    goal = {part.partition: part.end for part in backup.manifest.topic("events").partitions}
    with tempfile.TemporaryDirectory(prefix="autolearn-restore-") as scratch:
        folder = Path(scratch) / "views"
        events = Topics.of(settings).events.name
        rebuilt = rebuild(log, events, folder, goal, lambda done, all_: told("views", done, all_))
        with closing(RocksStore(folder)) as store:
            return rebuilt.digests, tokens_of(store)

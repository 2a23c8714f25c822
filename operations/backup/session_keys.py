"""The sessions' keys in a backup: a file of their own, wrapped as they are on `keys`.

They are copied after the log, so that everything in the set that was not shredded by then can be
read. The set is useless without the master key, which is never in a backup.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import DecodeError

from autolearn.eventlog.append import append_all
from autolearn.eventlog.log import Log, Record, RecordSource
from autolearn.eventlog.read import read_between
from autolearn.operations.backup.errors import Damaged
from autolearn.operations.backup.format import KEYS, Line, as_bytes, decode_line, line_of
from autolearn.schemas.codec import from_json
from autolearn.schemas.records.session_key import ROLL, WrappedKey
from autolearn.schemas.settings import EncryptionSettings, Settings
from autolearn.schemas.topics import Topics
from autolearn.security.master_keys import master_keys

_PATIENCE = 30.0
"""Seconds within which the topic must be read, and an append acknowledged."""


def _newest(log: RecordSource, topic: str) -> dict[bytes, Record]:
    """Return the newest record of every key that is not shredded.

    Raises:
        LogError: the topic cannot be read.
    """
    found: dict[bytes, Record] = {}
    for record in read_between(log, topic, log.begins(topic), log.ends(topic), _PATIENCE):
        key = record.key or b""
        if record.value is None:
            found.pop(key, None)
        elif key != ROLL.encode():
            found[key] = record
    return found


def copy_keys(log: Log, settings: Settings, folder: Path) -> None:
    """Write the present keys. An older system has no such topic, and no keys.

    Raises:
        LogError: they cannot be read.
    """
    topic = Topics.of(settings).keys.name
    found = _newest(log, topic) if topic in log.partitions() else {}
    with (folder / KEYS).open("wb") as file:
        file.writelines(line_of(record) for record in found.values())
        file.flush()
        os.fsync(file.fileno())


def _read_keys(folder: Path) -> list[Line]:
    """Return the keys of a backup; one of an older format has none.

    Raises:
        Damaged: a line is no record.
    """
    try:
        with (folder / KEYS).open("rb") as file:
            return [decode_line(line) for line in file]
    except FileNotFoundError:
        return []
    except (DecodeError, ValueError) as error:
        raise Damaged(f"{KEYS} cannot be read: {error}.") from None


def missing_masters(folder: Path, encryption: EncryptionSettings, home: Path) -> list[str]:
    """Return the ids of master keys that a backup's keys need and this home lacks.

    Raises:
        SettingsError: there is a master key here, and it cannot be used.
        Damaged: the keys cannot be read.
    """
    needed = {
        from_json(as_bytes(one.value) or b"", WrappedKey).master for one in _read_keys(folder)
    }
    masters = master_keys(encryption, home) if needed else None
    here = {key.id for key in masters.keys} if masters is not None else set()
    return sorted(needed - here)


def restore_keys(log: Log, settings: Settings, folder: Path) -> None:
    """Append the keys of a backup that are missing or differ on the topic.

    Raises:
        LogError: they cannot be read, or are not acknowledged.
    """
    topic = Topics.of(settings).keys.name
    there = {key: record.value for key, record in _newest(log, topic).items()}
    kept = [(as_bytes(line.key) or b"", as_bytes(line.value)) for line in _read_keys(folder)]
    missing = [(key, value) for key, value in kept if there.get(key) != value]
    append_all(log, topic, missing, partition=0, timeout=_PATIENCE)

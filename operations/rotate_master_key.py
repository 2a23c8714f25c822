"""Another master key: every session's key is wrapped anew, and the log stays as it is.

`python -m autolearn.operations.rotate_master_key [--forget-old]`. Where the master key is in a
file, a new one is made and put first in it; elsewhere whoever keeps it has put it first. The old
one stays known until it is forgotten: a backup made before has keys that are wrapped by it.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from autolearn.eventlog.encryption.keyring import KeyRing
from autolearn.eventlog.kafka.connect import open_log
from autolearn.eventlog.log import Log
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.runtime.home import home_of, lock
from autolearn.schemas.errors import ExitCode, LogError, SettingsError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.security.data_key import Unreadable
from autolearn.security.master_keys import MasterKey, MasterKeys, in_file, key_file, write_key_file


class Rotated(Struct, frozen=True):
    """The outcome: how many keys `master` now wraps, and how many no key can unwrap.

    `known` are the older known master keys, `file` their file ("": not in a file).
    """

    master: str
    rewrapped: int
    unreadable: int
    known: tuple[str, ...]
    file: str


def rotate(log: Log, settings: Settings, home: Path, *, forget: bool = False) -> Rotated:
    """Wrap all keys with another master key; with `forget` drop the older ones.

    It may be repeated, and resumes an interrupted run.

    Raises:
        SettingsError: there is no master key, or no other one to change to.
        AlreadyRunning: another rotation runs: of two new keys at a time, the file would lose one.
        LogError: Kafka does not acknowledge it.
    """
    path = key_file(settings.encryption, home) if in_file(settings.encryption) else None
    if path is None:
        return _rotate_alone(log, settings, home, None, forget=forget)
    with lock(path.with_name(f"{path.name}.lock"), "Another change of the master key"):
        return _rotate_alone(log, settings, home, path, forget=forget)


def _rotate_alone(
    log: Log, settings: Settings, home: Path, path: Path | None, *, forget: bool
) -> Rotated:
    """Do the work of `rotate`, under its lock. `path` is the key file, None: there is none."""
    masters = MasterKeys(settings.encryption, home)
    if path is not None and not forget:
        write_key_file(path, [MasterKey.new(), *masters.keys])
        masters.reload()
    elif path is None and len(masters.keys) == 1:
        raise SettingsError(
            "There is one master key only.",
            title="There is no key to change to",
            advice="Put the new key first, and the present one behind it; then start everything "
            "again, and repeat this.",
        )
    ring = KeyRing(log, Topics.of(settings).keys.name, masters)
    ring.start()
    try:
        ring.catch_up()
        rewrapped, unreadable = _wrap_anew(ring, masters)
        if forget and path is not None and not unreadable:
            write_key_file(path, [masters.present])
            # Keys that came meanwhile from a process without the present key: we know the old.
            ring.catch_up()
            more, unreadable = _wrap_anew(ring, masters)
            rewrapped += more
            masters.reload()
    finally:
        ring.stop()
    older = tuple(key.id for key in masters.keys[1:])
    return Rotated(masters.present.id, rewrapped, unreadable, older, str(path or ""))


def _wrap_anew(ring: KeyRing, masters: MasterKeys) -> tuple[int, int]:
    """Wrap every key by the present master key; return how many, and how many cannot be."""
    rewrapped = unreadable = 0
    for keyid, wrapped in ring.all().items():
        if wrapped.master == masters.present.id:
            continue
        try:
            key = ring.get(keyid)
        except Unreadable:
            unreadable += keyid not in ring.shredded
            continue
        offset = ring.append(keyid, ring.wrap(key.key))
        rewrapped += 1
        if not ring.until(offset + 1):
            raise LogError(f"{ring.topic} cannot be read at the moment.")
        if keyid in ring.shredded:  # it was shredded meanwhile, and is back now
            ring.shred(keyid)
    ring.roll()  # the processes learn of the new key, and the old wrappings are compacted
    return rewrapped, unreadable


def work(settings: Settings, chosen: argparse.Namespace, _: ProgressLines) -> ToolResult:
    """Wrap the keys of the settings' log again."""
    with closing(open_log(settings)) as log:
        return rotate(log, settings, home_of(settings), forget=chosen.forget_old), ExitCode.DONE


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m autolearn.operations.rotate_master_key")
    parser.add_argument("--forget-old", action="store_true")
    run_as_tool(work, parser)

"""One broker per folder: claiming it, and knowing whether a JVM still uses its data."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from autolearn.eventlog.embedded.errors import BrokerError

_ORPHAN_LIMIT = 15.0


@contextlib.contextmanager
def claimed(folder: Path, deadline: float) -> Iterator[None]:
    """Hold the folder, created if need be, for the life of a broker.

    A JVM whose parent was killed needs a moment to end; this waits for it until `deadline` (of
    time.monotonic), and no longer than 15 s.

    Raises:
        BrokerError: another process holds the folder, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        owner = (folder / "owner.lock").open("a+")
    except OSError as error:
        remedy = "make the folder writable, or choose another one"
        raise BrokerError(f"cannot use the broker folder {folder}", str(error), remedy) from error
    with owner:
        if not _locked(owner, fcntl.flock):
            owner.seek(0)
            raise _in_use(folder, f"process {owner.read().strip()} runs it")
        owner.truncate(0)
        owner.write(str(os.getpid()))
        owner.flush()
        _await_orphan(folder, min(deadline, time.monotonic() + _ORPHAN_LIMIT))
        yield


def _await_orphan(folder: Path, deadline: float) -> None:
    lock = folder / "data" / ".lock"
    while lock.exists():
        with lock.open("r+") as file:
            # Java's file locks are POSIX record locks, so lockf and not flock.
            if _locked(file, fcntl.lockf):
                return
        if time.monotonic() > deadline:
            raise _in_use(folder, f"a Kafka process holds {lock}")
        time.sleep(0.05)


def _locked(file: TextIO, how: Callable[[TextIO, int], None]) -> bool:
    try:
        how(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _in_use(folder: Path, why: str) -> BrokerError:
    return BrokerError(
        f"another broker uses {folder}", why, "use that one, or end it, or choose another folder"
    )

"""The home folder of an installation: its place, its lock, and what runs in it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TextIO

import msgspec
from platformdirs import user_data_path

from autolearn.schemas.errors import AlreadyRunning, SettingsError
from autolearn.schemas.settings import Settings

_PROBE = 1 << 20
"""Bytes that a home must have room for, when `autolearn up` starts."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class RunningSystem(msgspec.Struct, frozen=True):
    """What `autolearn up` writes to `<home>/up.json` for as long as it runs."""

    pid: int
    url: str
    kafka: str


def home_of(settings: Settings) -> Path:
    """Return the folder of all data on this machine, made if need be: for this user only.

    Raises:
        SettingsError: it cannot be made, or is none.
    """
    home = Path(settings.home) if settings.home else user_data_path("autolearn")
    try:
        home = home.expanduser()
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return home.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: ~somebody, who is not there
        raise _unusable(home, error) from None


def state_folder(settings: Settings, process: str) -> Path:
    """Return the folder of what a process of this instance keeps for its next start."""
    return home_of(settings) / "state" / f"{process}-{settings.instance}"


def artifacts_url(settings: Settings) -> str:
    """Return the URL of the artifact store: a folder of the home where none is named."""
    return settings.artifacts or (home_of(settings) / "artifacts").as_uri()


def require_writable(home: Path) -> None:
    """Check that a home can be written, and that its disk is not full.

    Raises:
        SettingsError: it cannot.
    """
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(bytes(_PROBE))
    except OSError as error:
        raise _unusable(home, error) from None


def _unusable(home: Path, error: OSError | RuntimeError) -> SettingsError:
    """Return the error of a home that cannot be used, or of a file in it."""
    why = (error.strerror if isinstance(error, OSError) else str(error)) or str(error)
    if isinstance(error, FileExistsError | NotADirectoryError):
        why = "it is a file, or lies below one, and not a folder"
    full = isinstance(error, OSError) and error.errno in _FULL
    return SettingsError(
        f"{home} cannot be used: {why}.",
        title="The home cannot be used",
        advice=(
            "Make room on its disk, or name"
            if full
            else "Make it a folder that this user may write, or name"
        )
        + " another one: AUTOLEARN_HOME, or --home of `autolearn up`.",
    )


def running(home: Path) -> RunningSystem | None:
    """Return the record of `autolearn up`, or None when it does not run on this home."""
    try:
        with lock_system(home):
            return None
    except AlreadyRunning:
        pass
    try:
        return msgspec.json.decode((home / "up.json").read_bytes(), type=RunningSystem)
    except FileNotFoundError:
        return None


def lock_system(home: Path) -> AbstractContextManager[TextIO]:
    """Hold the lock of `autolearn up`. Raises what `lock` raises."""
    return lock(home / "up.lock", "`autolearn up`")


@contextmanager
def lock(path: Path, what: str) -> Iterator[TextIO]:
    """Hold a file's lock: one process at a time has it; it is free again when the process ends.

    Raises:
        AlreadyRunning: another process holds it; `what` says what that is.
        SettingsError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise _unusable(path, error) from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(
                f"{what} (process {file.read().strip() or 'unknown'}) holds {path}.",
                advice="Stop it first, or choose another folder (AUTOLEARN_HOME) or another "
                "instance name (AUTOLEARN_INSTANCE).",
            ) from None
        try:
            file.truncate(0)
            os.write(file.fileno(), str(os.getpid()).encode())
        except OSError as error:
            raise _unusable(path, error) from None
        yield file


def emptied(folder: Path) -> Path:
    """Return a folder for temporary files of this process (mode 0700), with nothing in it.

    What one that was killed has left there may be in clear, and outlive its key.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder

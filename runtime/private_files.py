"""Files for this user only: keys, secrets and tokens (mode 0600, in a folder of mode 0700).

A file is written under another name in its folder and renamed when it is whole, so that no reader
finds a part of one, whenever the writer is killed. Content and name are on the disk when a function
returns: data that depend on them may be written after it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autolearn.runtime.durable import sync
from autolearn.schemas.errors import SettingsError

LIMIT = 64 * 1024


def create_once(path: Path, content: bytes) -> bool:
    """Create a file and its folder (mode 0700), and return whether this call did.

    An existing file is left unchanged, so of several processes at a time one creates the file and
    all read one content. The file is on the disk for those, too.

    Raises:
        OSError: the folder cannot be made or written; there is no new file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _written(path.parent, content) as new:
        try:
            os.link(new, path)
            created = True
        except FileExistsError:
            created = False
    sync(path.parent)
    return created


def replace(path: Path, content: bytes) -> None:
    """Write a file of an existing folder anew, with mode 0600 whatever the old file's was.

    Of several processes at a time the last one wins.

    Raises:
        OSError: the folder cannot be written; the old file is left as it was.
    """
    with _written(path.parent, content) as new:
        new.replace(path)
    sync(path.parent)


def read_checked(
    path: Path,
    then: str,
    *,
    title: str | None = None,
    error: type[SettingsError] = SettingsError,
    limit: int = LIMIT,
) -> bytes:
    """Return at most `limit` bytes of a file (-1: all) that only this user may read or write.

    The mode is that of the opened file, even if it is replaced meanwhile.

    Raises:
        SettingsError: its group or others may read, write or execute it. It is of the class
        `error`, and advises `chmod 600` and `then`.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise error(
                f"{path} may be read by others (mode {mode:04o}).",
                title=title,
                advice=f"chmod 600 {shlex.quote(str(path))}; {then}",
            )
        return file.read(limit)


@contextlib.contextmanager
def _written(folder: Path, content: bytes) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".new-")  # its mode is 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)

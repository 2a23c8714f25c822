"""The state of a home: RocksDB folders, which may be deleted, and the mark of a restore."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = "restoring"
"""The file in a home during a restore, and after an interrupted one."""


def state_folders(home: Path) -> list[Path]:
    """Return every RocksDB folder of a home: they may be deleted, and are rebuilt from the log."""
    return sorted({current.parent for current in (home / "state").glob("**/CURRENT")})


def delete_state(home: Path) -> list[Path]:
    """Delete every RocksDB folder of a home, while nothing runs on it; return the deleted ones."""
    folders = state_folders(home)
    for folder in folders:
        shutil.rmtree(folder)
    return folders


@contextmanager
def restoring(home: Path, words: str) -> Iterator[None]:
    """Mark a home until a restore is done, with this description: nothing may run on half a log."""
    (home / _MARK).write_text(f"{words}\n")
    yield
    (home / _MARK).unlink()


def cut_off(home: Path) -> str:
    """Return the description of an interrupted restore on this home, or an empty string."""
    try:
        return (home / _MARK).read_text().strip()
    except FileNotFoundError:
        return ""

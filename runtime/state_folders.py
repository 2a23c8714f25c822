"""The state of a home: RocksDB folders, which may be deleted, and whether its log is whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cut_off", "delete_state", "restoring", "state_folders"]

MARK = "restoring"
"""The file in a home that is there while a backup is put back, or once that was cut off."""


def state_folders(home: Path) -> list[Path]:
    """Return every RocksDB folder of a home: what may be deleted, and is rebuilt from the log."""
    return sorted({current.parent for current in (home / "state").glob("**/CURRENT")})


def delete_state(home: Path) -> list[Path]:
    """Delete every RocksDB folder of a home, while nothing runs on it; return what is gone."""
    folders = state_folders(home)
    for folder in folders:
        shutil.rmtree(folder)
    return folders


@contextmanager
def restoring(home: Path, words: str) -> Iterator[None]:
    """Mark a home until a restore is done, which has these words: nothing may run on half a log."""
    (home / MARK).write_text(f"{words}\n")
    yield
    (home / MARK).unlink()


def cut_off(home: Path) -> str:
    """Return the words of the restore that was cut off on this home, or an empty string."""
    try:
        return (home / MARK).read_text().strip()
    except FileNotFoundError:
        return ""

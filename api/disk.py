"""Room on the disk, and for uploads: what is refused so that Kafka and all else can go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autolearn.api.problems import Problem, too_many
from autolearn.eventlog.disk import reserve_of
from autolearn.schemas.settings import Settings

__all__ = ["Uploads", "require_disk"]

MOST_UPLOADS = 32
"""Uploads that one process has at a time, those that wait to be examined among them."""
UPLOADED = 2
"""How many of the largest uploads may lie in temporary files of one process."""


def require_disk(settings: Settings, folders: list[Path], more: int = 0) -> None:
    """Raise a problem unless the reserve stays free on the disks of folders, with `more` on them.

    Raises:
        Problem: it would not (507).
    """
    for folder in folders:
        total, _, free = shutil.disk_usage(folder)
        reserve = reserve_of(settings.disk_reserve, total)
        if free - more < reserve:
            wanted = f" and {more:,} more are wanted" if more else ""
            raise Problem(
                507,
                "disk-low",
                "The disk is nearly full",
                f"{free:,} bytes are free{wanted}; {reserve:,} must stay so, or Kafka and "
                "everything stops. Nothing was done. A sysadmin can make room, or change "
                f"AUTOLEARN_DISK_RESERVE, which is {settings.disk_reserve}.",
                free=free,
                reserve=reserve,
            )


class Uploads:
    """Counts the uploads of one process, and the bytes of their temporary files."""

    def __init__(self, settings: Settings, folders: list[Path]) -> None:
        self.settings, self.folders = settings, folders
        self.count = self.bytes = 0

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Give the room of one more upload; it is free again at the end.

        Raises:
            Problem: there are too many (429), or too little is free on the disk (507).
        """
        require_disk(self.settings, self.folders)
        if self.count >= MOST_UPLOADS:
            raise too_many(f"It has {self.count} uploads, at most {MOST_UPLOADS} at a time.")
        self.count += 1
        room = Room(self)
        try:
            yield room
        finally:
            self.count -= 1
            self.bytes -= room.bytes


class Room:
    """The room of one upload."""

    def __init__(self, uploads: Uploads) -> None:
        self.uploads, self.bytes = uploads, 0

    def take(self, size: int) -> None:
        """Take bytes more.

        Raises:
            Problem: all uploads together are too large (429), or too little is free (507).
        """
        most = UPLOADED * self.uploads.settings.max_upload
        if self.uploads.bytes + size > most:
            raise too_many(
                f"Its uploads have {self.uploads.bytes:,} bytes, at most {most:,} at a time: "
                f"{UPLOADED} times AUTOLEARN_MAX_UPLOAD."
            )
        # It lies twice for a while: as it came, and in the store.
        require_disk(self.uploads.settings, self.uploads.folders, 2 * size)
        self.uploads.bytes += size
        self.bytes += size

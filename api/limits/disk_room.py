"""Reserves room on the disk, and for uploads, so that Kafka and all else can go on."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autolearn.api.http.problems import Problem, too_many
from autolearn.runtime.disk_usage import reserve_of
from autolearn.schemas.bounds import UPLOADED, UPLOADS, share
from autolearn.schemas.settings import LimitSettings

_FIXED = (
    "That is a fixed bound of each process. Nothing was done: try again when others have ended, or "
    "ask another process."
)


def require_disk(limits: LimitSettings, folders: list[Path], more: int = 0) -> None:
    """Raise a problem unless `more` bytes leave the reserve free on the disks of folders.

    Raises:
        Problem: they would not (507).
    """
    for folder in folders:
        total, _, free = shutil.disk_usage(folder)
        reserve = reserve_of(limits.disk_reserve, total)
        if free - more < reserve:
            wanted = f" and {more:,} more are wanted" if more else ""
            raise Problem(
                507,
                "disk-low",
                "The disk is nearly full",
                f"{free:,} bytes are free{wanted}; {reserve:,} must stay so, or Kafka and "
                "everything stops. Nothing was done. A sysadmin can make room, or change "
                f"AUTOLEARN_DISK_RESERVE, which is {limits.disk_reserve}.",
                free=free,
                reserve=reserve,
            )


class Uploads:
    """Counts the uploads of one process by users, and the bytes of their temporary files."""

    def __init__(self, limits: LimitSettings, folders: list[Path]) -> None:
        self.limits, self.folders = limits, folders
        self.counts: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    @contextmanager
    def room(self, user: str) -> Iterator[Room]:
        """Yield the room of one more upload, and free it at the end.

        Without authentication (""), there is no share.

        Raises:
            Problem: there are too many (429), or too little is free on the disk (507).
        """
        require_disk(self.limits, self.folders)
        mine, most = self.counts[user], share(UPLOADS)
        if user and mine >= most:
            raise too_many(f"You have {mine} uploads here, at most {most} at a time. {_FIXED}")
        if self.counts.total() >= UPLOADS:
            raise too_many(f"It has {UPLOADS} uploads, and has no more at a time. {_FIXED}")
        self.counts[user] += 1
        room = Room(self, user)
        try:
            yield room
        finally:
            self.bytes[user] -= room.bytes
            self.counts[user] -= 1
            if not self.counts[user]:
                del self.counts[user], self.bytes[user]


class Room:
    """The room of one upload."""

    def __init__(self, uploads: Uploads, user: str) -> None:
        self.uploads, self.user, self.bytes = uploads, user, 0

    def take(self, size: int) -> None:
        """Take more bytes.

        Raises:
            Problem: the user's uploads, or all, are too large together (429), or too little is free
            (507).
        """
        held = self.uploads.bytes
        limits = [(held.total(), UPLOADED * self.uploads.limits.max_upload, "Its")]
        if self.user:
            limits.insert(0, (held[self.user], share(limits[0][1]), "Your"))
        for present, most, whose in limits:
            if present + size > most:
                raise too_many(
                    f"{whose} uploads have {present:,} bytes here, and {most:,} at most at a time: "
                    f"all together {UPLOADED} times AUTOLEARN_MAX_UPLOAD, one user's a quarter of "
                    "that. Nothing was kept: try again when others have ended."
                )
        # For a while it lies there twice: as received, and in the store.
        require_disk(self.uploads.limits, self.uploads.folders, 2 * size)
        held[self.user] += size
        self.bytes += size

"""The free and used space of disks and folders."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from autolearn.schemas.reports.status import Usage

FULL = (
    "the disk is full: that of temporary files (TMPDIR), or that of the artifacts "
    "(AUTOLEARN_ARTIFACTS). Nothing of it was kept: make room, and do it again"
)
"""The words for work that a full disk has ended."""


def is_full(error: BaseException) -> bool:
    """Return whether an error says that a disk, or a quota of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def reserve_of(said: str, total: int) -> int:
    """Return the bytes of a reserve in MiB, or as a share of the disk."""
    return total * int(said[:-1]) // 100 if said.endswith("%") else int(said) << 20


def shortage(said: str, folders: Iterable[Path], most: int = 100) -> str:
    """Return which folder's disk has less free than a reserve, for people; "" if none has.

    `most` percent of a disk are reserved at most.
    """
    for folder in folders:
        if not folder.exists():
            continue
        total, _, free = shutil.disk_usage(folder)
        if low := too_little(said, f"{folder}", free, total, most):
            return low
    return ""


def too_little(said: str, folder: str, free: int, total: int, most: int = 100) -> str:
    """Return the sentence that a folder's disk has less free than the reserve; "" if it has not."""
    reserve = min(reserve_of(said, total), total * most // 100)
    if free >= reserve:
        return ""
    return (
        f"{folder} has {free >> 20:,} MiB free, and {reserve >> 20:,} MiB must stay so "
        f"(AUTOLEARN_DISK_RESERVE is {said})"
    )


def usage(what: str, folder: Path) -> Usage | None:
    """Return the usage of a folder (reads every file in it); None when there is none.

    Used are the blocks on the disk, as in `du`: logs and indexes of Kafka have holes.
    """
    if not folder.is_dir():
        return None
    total, _, free = shutil.disk_usage(folder)
    return Usage(what, str(folder), sum(_sizes(folder)), free, total)


def _sizes(folder: Path) -> Iterator[int]:
    """Yield the bytes on the disk of every file below a folder; a vanished file has 0."""
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118 - quicker
            except FileNotFoundError:
                continue


def bytes_of_topics(data: Path) -> dict[str, int]:
    """Return the bytes of each topic in the data folder of a broker on this machine."""
    found: dict[str, int] = {}
    for folder in data.glob("*-*") if data.is_dir() else ():
        topic, _, partition = folder.name.rpartition("-")
        if partition.isdigit():
            found[topic] = found.get(topic, 0) + sum(_sizes(folder))
    return found

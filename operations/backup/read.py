"""Reads a backup: checks that it is whole, and yields its records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import DecodeError

from autolearn.operations.backup.checksums import check_sums
from autolearn.operations.backup.errors import BackupRefused, Damaged
from autolearn.operations.backup.format import (
    ARTIFACTS,
    MANIFEST,
    Line,
    Manifest,
    PartitionLog,
    as_bytes,
    decode_line,
    decode_manifest,
)
from autolearn.operations.backup.write import Told


class BackupSet:
    """A backup in a folder, with its `manifest`."""

    def __init__(self, folder: Path) -> None:
        """Open a backup, and read only its manifest.

        Raises:
            BackupRefused: the folder is no backup, or of a newer version.
            Damaged: its manifest cannot be read.
        """
        self.folder = folder
        try:
            content = (folder / MANIFEST).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise BackupRefused(
                f"{folder} is not a backup: it has no {MANIFEST}.",
                advice="Name the folder that `autolearn backup` wrote. A folder whose name ends "
                "in .part is a backup that was cut off.",
            ) from None
        except OSError as error:
            raise BackupRefused(f"{error.strerror}: {error.filename}.") from None
        self.manifest: Manifest = decode_manifest(content)

    @property
    def artifacts(self) -> Path:
        """The folder of the artifacts."""
        return self.folder / ARTIFACTS

    def check(self, told: Told) -> None:
        """Check every byte of the set, and that its log has no holes.

        Raises:
            Damaged: something is missing or changed; the message names it.
        """
        check_sums(self.folder, lambda done, total: told("checksums", done, total))
        total, before = self.manifest.records(), 0
        for topic in self.manifest.topics:
            if [part.partition for part in topic.partitions] != list(range(len(topic.partitions))):
                raise Damaged(f"{MANIFEST} does not have every partition of {topic.topic}.")
            for part in topic.partitions:
                self._check_partition(part)
                before += part.records
                told("lines", before, total)
        if any(part.first for part in self.manifest.topic("events").partitions):
            raise Damaged("The oldest events are missing: `events` must begin at offset 0.")

    def _check_partition(self, part: PartitionLog) -> None:
        """Check that a file has exactly the records of the manifest, in order."""
        if part.records != part.end - part.first:
            raise Damaged(f"{MANIFEST} says that {part.file} has holes.")
        expected = part.first
        for line in self.lines(part):
            if line.offset != expected:
                raise Damaged(f"{part.file} has offset {line.offset}, not {expected}.")
            expected += 1
        if expected != part.end:
            raise Damaged(f"{part.file} ends before offset {expected}, not before {part.end}.")

    def lines(self, part: PartitionLog) -> Iterator[Line]:
        """Yield the records of a partition.

        Raises:
            Damaged: the file is missing, or a line is no record; the message names it.
        """
        number = 0
        try:
            with (self.folder / part.file).open("rb") as file:
                for content in file:
                    number += 1
                    line = decode_line(content)
                    for text in (line.key, line.value, *(value for _, value in line.headers)):
                        as_bytes(text)
                    yield line
        except (DecodeError, ValueError) as error:
            raise Damaged(f"Line {number} of {part.file} is no record: {error}.") from None
        except FileNotFoundError:
            raise Damaged(f"{part.file} is missing.") from None

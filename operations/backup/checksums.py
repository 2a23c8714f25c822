"""The checksums of a folder's files, in the format of `sha256sum`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from autolearn.artifacts.store.content_names import hash_file
from autolearn.operations.backup.errors import Damaged
from autolearn.operations.backup.format import SUMS
from autolearn.runtime.durable import sync

Told = Callable[[int, int], None]


def _files_in(folder: Path) -> list[str]:
    """Return the paths of all files in a folder, relative to it, without the checksums' own."""
    found = (Path(at, name) for at, _, names in os.walk(folder) for name in names)
    return sorted(path for each in found if (path := each.relative_to(folder).as_posix()) != SUMS)


def write_sums(folder: Path, told: Told) -> None:
    """Write the checksums of all files; everything is on the disk when this returns."""
    names = _files_in(folder)
    with (folder / SUMS).open("w", encoding="utf-8") as file:
        for name, digest in _hashes(folder, names, told):
            file.write(f"{digest}  {name}\n")
        file.flush()
        os.fsync(file.fileno())
    for at, _, _ in os.walk(folder):
        sync(Path(at))


def check_sums(folder: Path, told: Told) -> None:
    """Check that the files are exactly the listed ones, and unchanged.

    Raises:
        Damaged: they are not; the message names the file.
    """
    listed = _read_sums(folder)
    names = set(_files_in(folder))
    if missing := sorted(set(listed) - names):
        raise Damaged(f"{_shown(missing)} missing.", advice=_OTHER_COPY)
    if extra := sorted(names - set(listed)):
        raise Damaged(f"{_shown(extra)} not of this backup.", advice="Move what does not belong.")
    for name, digest in _hashes(folder, sorted(listed), told):
        if digest != listed[name]:
            raise Damaged(
                f"{name} is not as it was: its SHA-256 is {digest}, {SUMS} says {listed[name]}.",
                advice=_OTHER_COPY,
            )


_OTHER_COPY = "Take another copy of this backup, or an older backup; nothing was restored."


def _read_sums(folder: Path) -> dict[str, str]:
    """Return the listed SHA-256 of each file."""
    listed: dict[str, str] = {}
    try:
        for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
            digest, separator, name = line.partition("  ")
            if not separator or len(digest) != 64 or name in listed:
                raise Damaged(f"{SUMS} has a line that is no checksum: {line[:200]!r}.")
            listed[name] = digest
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise Damaged(f"{SUMS} cannot be read: {error}.", advice=_OTHER_COPY) from None
    return listed


def _hashes(folder: Path, names: list[str], told: Told) -> Iterator[tuple[str, str]]:
    sizes = {name: (folder / name).stat().st_size for name in names}
    total, done = sum(sizes.values()), 0
    for name in names:
        yield name, hash_file(folder / name)
        done += sizes[name]
        told(done, total)


def _shown(names: list[str]) -> str:
    """Return the first names and the number of others, with the verb."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'is' if len(names) == 1 else 'are'}"

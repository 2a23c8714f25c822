"""Where the read models of an API process lie: a folder in use, and one to build the next in."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

__all__ = ["ViewsPlace", "deleted"]

NAME = re.compile(r"views(-(?P<number>[0-9]+)(-[a-z]+)?)?")
"""A name may end with a view's: rebuilds of one view, which there once were, have made such."""


class ViewsPlace:
    """The read models below the folder of one API process (blue and green).

    RocksDB cannot be renamed while it is open, so the file `current` names the folder in use.
    Folders are numbered: what was in use once never becomes the beginning of a rebuild.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def used(self) -> Path:
        """The folder in use."""
        pointer = self.folder / "current"
        name = pointer.read_text().strip() if pointer.exists() else ""
        return self.folder / (name if NAME.fullmatch(name) else "views")

    def spare(self) -> Path:
        """Return the folder for a rebuild. What an interrupted one left may be in it."""
        found = NAME.fullmatch(self.used.name)
        number = int(found["number"] or 1) if found else 1
        return self.folder / f"views-{number + 1}"

    def switch(self, new: Path) -> list[Path]:
        """Use another folder from now on, whatever happens next; all others are deleted.

        Returns those of which something is left, because a store still writes there.
        """
        written = self.folder / "current.new"
        written.write_text(f"{new.name}\n")
        written.replace(self.folder / "current")
        return deleted([other for other in self.folder.glob("views*") if other != new])


def deleted(folders: list[Path]) -> list[Path]:
    """Delete folders, and return those of which something is left."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return [folder for folder in folders if folder.exists()]

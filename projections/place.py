"""Where the read models of an API process lie: a folder in use, and one to build the next in."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["ViewsPlace"]

FIRST, SECOND = "views", "views-2"


class ViewsPlace:
    """The read models below the folder of one API process (blue and green).

    RocksDB cannot be renamed while it is open, so the file `current` names the folder in use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def used(self) -> Path:
        """The folder in use."""
        pointer = self.folder / "current"
        second = pointer.exists() and pointer.read_text().strip() == SECOND
        return self.folder / (SECOND if second else FIRST)

    @property
    def spare(self) -> Path:
        """The folder for a rebuild; what an interrupted one left may be in it."""
        return self.folder / (FIRST if self.used.name == SECOND else SECOND)

    def switch(self) -> None:
        """Use the spare folder from now on, whatever happens next; the other is deleted."""
        old, new = self.used, self.spare
        written = self.folder / "current.new"
        written.write_text(f"{new.name}\n")
        written.replace(self.folder / "current")
        shutil.rmtree(old, ignore_errors=True)

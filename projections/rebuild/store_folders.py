"""The folders of an API process's read models: one in use, and one for the next rebuild."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

_NAME = re.compile(r"views(-(?P<number>[0-9]+))?")


class ViewsPlace:
    """The read models below the folder of one API process (blue and green).

    RocksDB cannot be renamed while it is open, so the file `current` names the folder in use.
    Folders are numbered: a folder that was in use is never reused for a rebuild.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def used(self) -> Path:
        """The folder in use."""
        pointer = self.folder / "current"
        name = pointer.read_text().strip() if pointer.exists() else ""
        return self.folder / (name if _NAME.fullmatch(name) else "views")

    def spare(self) -> Path:
        """Return the folder for a rebuild. It may hold what an interrupted one left."""
        found = _NAME.fullmatch(self.used.name)
        number = int(found["number"] or 1) if found else 1
        return self.folder / f"views-{number + 1}"

    def switch(self, new: Path) -> list[Path]:
        """Use another folder from now on, durably; all others are deleted.

        Return those that remain, because a store still writes there.
        """
        written = self.folder / "current.new"
        written.write_text(f"{new.name}\n")
        written.replace(self.folder / "current")
        return deleted([other for other in self.folder.glob("views*") if other != new])


def deleted(folders: list[Path]) -> list[Path]:
    """Delete folders, and return those that remain."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return [folder for folder in folders if folder.exists()]

"""Files of a user in `$XDG_CONFIG_HOME/autolearn`: values by the place of an API.

A place is the URL of an API, or the home of an `autolearn up` on this machine, whose URL may differ
at each start. A file has mode 0600, its folder 0700.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from autolearn.runtime.private_files import read_checked, replace
from autolearn.schemas.errors import SettingsError

T = TypeVar("T")


class ConfigFile(Generic[T]):
    """One file. `kind` is the type of its content: values by place.

    `then` is what to do, besides `chmod 600`, if others could write it, `otherwise` if it is
    damaged; `error` is the class of both faults.
    """

    def __init__(
        self, name: str, kind: Any, then: str, otherwise: str, error: type[SettingsError]
    ) -> None:
        self.name, self.then, self.otherwise, self.error = name, then, otherwise, error
        self._decode = msgspec.json.Decoder(dict[str, kind]).decode

    @property
    def path(self) -> Path:
        """Where it is: below $XDG_CONFIG_HOME, else below ~/.config."""
        base = os.environ.get("XDG_CONFIG_HOME", "")
        folder = Path(base) if base.startswith("/") else Path.home() / ".config"
        return folder / "autolearn" / f"{self.name}.json"

    def read(self) -> dict[str, T]:
        """Return the values by place.

        Raises:
            SettingsError: other users can read the file, or it is damaged.
        """
        path = self.path
        try:
            found: dict[str, T] = self._decode(
                read_checked(path, self.then, error=self.error, limit=-1)
            )
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            raise self.error(f"{path} cannot be read: {error}.", advice=self.otherwise) from None
        return found

    @contextmanager
    def change(self) -> Iterator[dict[str, T]]:
        """Change the values, one process at a time. Those of deleted homes are dropped."""
        path = self.path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (path.parent / f"{self.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self.read()
            yield kept
            left = {place: one for place, one in kept.items() if _is_there(place)}
            replace(path, msgspec.json.format(msgspec.json.encode(left)))


def home_in(place: str) -> Path | None:
    """Return the home of a place, None if it is the URL of an API."""
    return Path(unquote(urlsplit(place).path)) if place.startswith("file://") else None


def _is_there(place: str) -> bool:
    home = home_in(place)
    return home is None or home.exists()

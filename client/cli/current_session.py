"""The current session of each user and API, which a command uses without `--session`.

It is stored in `sessions.json` in the user's config folder: all terminals of a user have the same,
and no two users of a home.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from autolearn.client.cli.output import short
from autolearn.client.sdk.access.config_file import ConfigFile
from autolearn.schemas.errors import SettingsError


class Current(Struct, frozen=True):
    """A session that was current when it was stored, with its title at that time."""

    id: str
    title: str = ""

    def __str__(self) -> str:
        return f"{self.title} ({short(self.id)})" if self.title else short(self.id)


_FILE: ConfigFile[dict[str, Current]] = ConfigFile(
    "sessions",
    dict[str, Current],
    "delete it if others may have written it.",
    "Delete it, and choose a session with `autolearn session use`.",
    SettingsError,
)


class CurrentSession:
    """The current session of one user at the place of one API."""

    def __init__(self, place: str, user: str) -> None:
        self.place, self.user = place, user

    def get(self) -> Current | None:
        """Return it, if there is one."""
        return _FILE.read().get(self.place, {}).get(self.user)

    def set(self, session: Current) -> None:
        """Make a session the current one."""
        with _FILE.change() as kept:
            kept.setdefault(self.place, {})[self.user] = session

    def get_or_open(self, open_: Callable[[], Current]) -> Current:
        """Return it; open one first if there is none. Of several processes at a time, one opens."""
        with _FILE.change() as kept:
            of_place = kept.setdefault(self.place, {})
            if self.user not in of_place:
                of_place[self.user] = open_()
            return of_place[self.user]

    def forget(self, session: str) -> None:
        """Have no current session any more, if it is this one."""
        current = self.get()
        if current is None or current.id != session:
            return
        with _FILE.change() as kept:
            if kept.get(self.place, {}).get(self.user) == current:
                del kept[self.place][self.user]

"""The stored tokens of a user: `tokens.json` in the user's config folder, by place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from autolearn.client.sdk.access.config_file import ConfigFile, home_in
from autolearn.runtime.home import home_of, running
from autolearn.runtime.process import read_settings
from autolearn.runtime.variables import variables
from autolearn.schemas.errors import AutoLearnError, SettingsError


class Unsafe(SettingsError):
    """Other users can read the file of the tokens."""

    title = "Your tokens are not kept safely"


class Kept(Struct, frozen=True):
    """A stored token, and its user."""

    user: str
    token: str

    def __repr__(self) -> str:
        return f"Kept({self.user!r})"


_TOKENS: ConfigFile[Kept] = ConfigFile(
    "tokens",
    Kept,
    "if others may have read it, revoke the tokens.",
    "Delete it, and log in.",
    Unsafe,
)


def file_of_tokens() -> Path:
    """Return the file of the tokens."""
    return _TOKENS.path


def place_of_home(home: Path) -> str:
    """Return the key of the token of `autolearn up` on a home."""
    return home.resolve().as_uri()


def place_of(url: str, home: Path | None = None) -> str:
    """Return the key of the token of an API: the home of `autolearn up` if that is its API.

    `home` is that of the settings by default. Homes for which tokens are stored are looked at, too:
    AUTOLEARN_HOME may be set in another terminal only.

    Raises:
        Unsafe: other users can read the file.
    """
    if home is None:
        with suppress(AutoLearnError):  # a fault of them is irrelevant for a client with a URL
            home = home_of(read_settings())
    up = None if home is None else running(home)
    if home is not None and up is not None and _plain(up.url) == _plain(url):
        return place_of_home(home)
    same = (one for one, its in running_homes().items() if _plain(its) == _plain(url))
    return next(map(place_of_home, same), _plain(url))


def running_homes() -> dict[Path, str]:
    """Return the homes with a stored token on which `autolearn up` runs, with the URLs.

    Raises:
        Unsafe: other users can read the file of the tokens.
    """
    found = {}
    for home in filter(None, map(home_in, read())):
        with suppress(AutoLearnError):  # a home that this user may not use any more
            if (home / "up.json").exists() and (up := running(home)) is not None:
                found[home] = up.url
    return found


def _plain(url: str) -> str:
    """Normalise a URL to scheme, host and port; both names of this machine are the same."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = "127.0.0.1" if host == "localhost" else f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{host}:{parts.port or default}"


def find(place: str) -> Kept | None:
    """Return the stored token of a place; AUTOLEARN_TOKEN takes precedence.

    Raises:
        Unsafe: other users can read the file.
    """
    given = variables().get("AUTOLEARN_TOKEN")
    return Kept("", given) if given else read().get(place)


def token_for(url: str | None) -> str:
    """Return the token for the API at a URL, or of `autolearn up` on this machine; "" without."""
    place = place_of_home(home_of(read_settings())) if url is None else place_of(url)
    kept = find(place)
    return kept.token if kept is not None else ""


def read() -> dict[str, Kept]:
    """Return all stored tokens."""
    return _TOKENS.read()


def keep(place: str, user: str, token: str) -> Path:
    """Store a token, and return the file."""
    with _TOKENS.change() as kept:
        kept[place] = Kept(user, token)
    return file_of_tokens()


def forget(place: str) -> None:
    """Delete the token of a place."""
    with _TOKENS.change() as kept:
        kept.pop(place, None)

"""The stored tokens of a user: `tokens.json` in the user's config folder.

A token is stored for the URL of an API, or for the home of an `autolearn up` on this machine, whose
URL may differ at each start. The file has mode 0600, its folder 0700.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct

from autolearn.runtime.home import home_of, running
from autolearn.runtime.private_files import read_checked, replace
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


def file_of_tokens() -> Path:
    """Return the file: $XDG_CONFIG_HOME/autolearn/tokens.json, else below ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "autolearn" / "tokens.json"


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
    for home in filter(None, map(_path_of, read())):
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
    path = file_of_tokens()
    try:
        then = "if others may have read it, revoke the tokens."
        content = read_checked(path, then, error=Unsafe, limit=-1)
        return msgspec.json.decode(content, type=dict[str, Kept])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise Unsafe(f"{path} cannot be read: {error}.", advice="Delete it, and log in.") from None


def keep(place: str, user: str, token: str) -> Path:
    """Store a token, and return the file."""
    with _changing() as kept:
        kept[place] = Kept(user, token)
    return file_of_tokens()


def forget(place: str) -> None:
    """Delete the token of a place."""
    with _changing() as kept:
        kept.pop(place, None)


@contextmanager
def _changing() -> Iterator[dict[str, Kept]]:
    """Change the stored tokens, one process at a time. Tokens of deleted homes are dropped."""
    path = file_of_tokens()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (path.parent / "tokens.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = read()
        yield kept
        left = {place: one for place, one in kept.items() if _is_there(place)}
        replace(path, msgspec.json.format(msgspec.json.encode(left)))


def _is_there(place: str) -> bool:
    path = _path_of(place)
    return path is None or path.exists()


def _path_of(place: str) -> Path | None:
    """Return the home of a place, None if it is the URL of an API."""
    return Path(unquote(urlsplit(place).path)) if place.startswith("file://") else None

"""The variables of an installation: of the environment, the home's and the current `.env`.

The home is for its user only (mode 0700), so its `.env` may set everything but the home's own path.
The `.env` of the current folder may be anybody's, a cloned repository's for instance: it may set
FROM_ANYWHERE, and neither commands, keys, addresses nor trust.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from platformdirs import user_data_path

from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import KAFKA_PREFIX, PREFIX

FROM_ANYWHERE = frozenset(
    {
        *("AUTOLEARN_SESSION", "AUTOLEARN_API_PORT", "AUTOLEARN_INSTANCE", "AUTOLEARN_SLOTS"),
        *("AUTOLEARN_TIME_LIMIT", "AUTOLEARN_MEMORY_LIMIT"),
        *("AUTOLEARN_LOG_LEVEL", "AUTOLEARN_LOG_FORMAT"),
    }
)
"""The harmless variables that the `.env` of any folder may set, such as the present session."""

_HOME = "AUTOLEARN_HOME"
_PATHS = frozenset(
    {
        *(_HOME, "AUTOLEARN_TLS_CERT", "AUTOLEARN_TLS_KEY", "AUTOLEARN_WIRE_KEYS", "AUTOLEARN_CA"),
        *("AUTOLEARN_MASTER_KEY_FILE", "AUTOLEARN_CHECKPOINT_FILE", "AUTOLEARN_SIGNING_KEY"),
    }
)
_COMMANDS = frozenset({"AUTOLEARN_MASTER_KEY_COMMAND"})
_STORES = frozenset({"AUTOLEARN_ARTIFACTS"})
_LONGEST = 64 * 1024
"""The most bytes of a `.env`."""


def variables() -> dict[str, str]:
    """Return the effective variables. Paths in them do not depend on the current folder.

    The environment wins, then the current folder's `.env`, then the home's. Ignored lines of the
    current folder's are named on standard error.

    Raises:
        SettingsError: a `.env` cannot be read, or others may write the home's.
    """
    try:
        here = Path.cwd()
    except OSError as error:
        raise SettingsError(
            f"The current folder cannot be used: {error.strerror}.",
            title="There is no current folder",
            advice="It was deleted, perhaps: cd to one that is there.",
        ) from None
    given = _absolute(os.environ, here)
    home = Path(given[_HOME]) if given.get(_HOME) else user_data_path("autolearn")
    own, foreign = home / ".env", here / ".env"
    found = _absolute(_own_values(own), home)
    if foreign.is_file() and not (own.exists() and own.samefile(foreign)):
        found |= _foreign_values(foreign, own)
    return found | given


def _own_values(path: Path) -> dict[str, str]:
    """Return the variables of the home's `.env`."""
    if not path.is_file():
        return {}
    found = path.stat()
    if found.st_uid not in (0, os.getuid()) or found.st_mode & 0o022:
        raise SettingsError(
            f"{path} may be written by others (owner {found.st_uid}, mode "
            f"{found.st_mode & 0o777:04o}).",
            advice="It can set commands and keys: check it, then "
            f"chmod 600 {shlex.quote(str(path))}",
        )
    values = dotenv_values(stream=io.StringIO(_text(path)))
    _say_ignored(path, [_HOME] if values.pop(_HOME, None) is not None else [], "the environment")
    return {name: value for name, value in values.items() if value is not None}


def _foreign_values(path: Path, own: Path) -> dict[str, str]:
    """Return the allowed variables of the current folder's `.env`; name the others."""
    values: dict[str, str] = {}
    ignored = []
    for line in parse_stream(io.StringIO(_text(path))):
        name = line.key or ""
        if name in FROM_ANYWHERE and line.value is not None:
            values[name] = line.value
        elif name.startswith(PREFIX):
            ignored.append(f"{name} (line {line.original.line})")
    _say_ignored(path, ignored, f"the environment or into {own}")
    return values


def _say_ignored(path: Path, ignored: Iterable[str], instead: str) -> None:
    if names := ", ".join(ignored):
        _say(f"{path} may not set {names}: put it into {instead} (docs/security.md).")


@functools.cache
def _say(words: str) -> None:
    print(words, file=sys.stderr)


def _text(path: Path) -> str:
    """Return the text of a `.env`. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}.", advice="Correct it, or move it away."
        ) from None
    if len(data) > _LONGEST:
        raise SettingsError(f"{path} has more than {_LONGEST} bytes.", advice="Shorten it.")
    wide = b"\0" in data
    with contextlib.suppress(UnicodeDecodeError):
        if not wide:
            return data.decode("utf-8-sig")
    raise SettingsError(
        f"{path} is not UTF-8{', but UTF-16, it seems' if wide else ''}.",
        advice="Save it as UTF-8. PowerShell: `… | Out-File -Encoding utf8 .env`, not `>`.",
    )


def _absolute(values: Mapping[str, str | None], folder: Path) -> dict[str, str]:
    """Return variables whose paths no longer depend on the current folder, but lie in `folder`."""
    return {k: _placed(k, v, folder) if v else v for k, v in values.items() if v is not None}


def _placed(name: str, value: str, folder: Path) -> str:
    """Return a variable's value, with the path in it made absolute."""
    if name in _PATHS or (name.startswith(KAFKA_PREFIX) and name.endswith("_LOCATION")):
        try:
            return str(folder / Path(value).expanduser())
        except RuntimeError as error:  # ~somebody, who is not there
            raise SettingsError(
                f"{name}={value[:200]!r} is no path: {error}", advice="Write it without ~."
            ) from None
    if name in _STORES and "://" not in value and "::" not in value:
        return str(folder / value)
    if name in _COMMANDS:
        program, _, rest = value.partition(" ")
        if "/" in program and not shlex.split(program)[0].startswith(("/", "~")):
            return f"{shlex.quote(str(folder / program))} {rest}".rstrip()
    return value

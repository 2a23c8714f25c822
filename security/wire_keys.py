"""The server's keys to which clients seal their requests: a folder of PEM files, newest first.

All API processes of an installation share the folder. A file is named by its time of creation, so
that names sort by age. A replaced key opens requests for GRACE seconds longer, for clients that
have not fetched the new one yet.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from autolearn.runtime.private_files import create_once, read_checked
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import ApiSettings
from autolearn.security.request_jwe import CURVE, new_key, public_jwk

_GRACE = 24 * 3600.0
"""Seconds for which a replaced key still opens requests."""
_PAUSE = 1.0
"""The least seconds between two reads of the folder."""
_NAME = "%Y%m%dT%H%M%S.%fZ"


def folder_of_keys(api: ApiSettings, home: Path) -> Path:
    """Return the folder of the keys."""
    return Path(api.wire_keys).expanduser() if api.wire_keys else home / "keys" / "wire"


class WireKey(NamedTuple):
    """A private key, and its name: its thumbprint (RFC 7638)."""

    kid: str
    key: OKPKey

    def jwk(self) -> dict[str, str]:
        """Return the public half as a JSON Web Key (RFC 7517)."""
        return {**public_jwk(self.key), "kid": self.kid, "use": "enc", "alg": "ECDH-ES"}


class WireKeys:
    """The keys in a folder, which is read again now and then: another process may rotate them."""

    def __init__(self, folder: Path, grace: float = _GRACE, pause: float = _PAUSE) -> None:
        self.folder, self.grace, self.pause = folder, grace, pause
        self.looked = 0.0
        self.files: list[Path] = []
        self.keys: dict[str, WireKey] = {}

    def present(self) -> list[WireKey]:
        """Return the valid keys, the newest first.

        Raises:
            SettingsError: a file is no key, or others may read it.
        """
        self.look()
        return list(self.keys.values())

    def of(self, kid: str) -> OKPKey | None:
        """Return the private key of a name; None if there is none, or it has expired.

        Raises:
            SettingsError: as `present`.
        """
        self.look()
        found = self.keys.get(kid)
        return found.key if found else None

    def look(self) -> None:
        """Read the folder, unless that was done a moment ago; make the first key if need be."""
        if self.keys and time.monotonic() - self.looked < self.pause:
            return
        files = _in_use(self.folder, self.grace)
        if not files:
            rotate(self.folder, first=True)
            files = _in_use(self.folder, self.grace)
        if files != self.files:
            keys = [read(file) for file in files]
            self.keys = {key.kid: key for key in keys}
            self.files = files
        self.looked = time.monotonic()


def _in_use(folder: Path, grace: float) -> list[Path]:
    files = sorted(folder.glob("*.pem"), reverse=True)
    young = [_made(file) > time.time() - grace for file in files]
    return [file for file, succeeded in zip(files, [True, *young], strict=False) if succeeded]


def _made(file: Path) -> float:
    """Return when a key was made, in seconds since 1970, by its name; 0: it is gone."""
    try:
        return datetime.strptime(file.stem.partition("-")[0], _NAME).replace(tzinfo=UTC).timestamp()
    except ValueError:  # the first one, or an operator's under another name
        return file.stat().st_mtime if file.exists() else 0.0


def rotate(folder: Path, *, first: bool = False, grace: float = _GRACE) -> WireKey:
    """Make a key (mode 0600), which clients use from now on, and delete expired ones.

    With `first` only where there is none; then two processes at a time get the same key.
    """
    key = new_key()
    stem = datetime.now(UTC).strftime(_NAME)
    name = "00000000T000000.000000Z" if first else f"{stem}-{secrets.token_hex(4)}"
    file = folder / f"{name}.pem"
    if not create_once(file, key.as_pem(private=True)):  # the other process was first
        return read(file)
    kept = set(_in_use(folder, grace))
    for old in set(folder.glob("*.pem")) - kept:
        old.unlink(missing_ok=True)
    return WireKey(key.thumbprint(), key)


def read(file: Path) -> WireKey:
    """Return the key in a PEM file (PKCS#8).

    Raises:
        SettingsError: it is no private key of the curve, or others may read it.
    """
    then = (
        "then `autolearn admin rotate-wire-key`, "
        "for who has read it can read what was sealed to it."
    )
    try:
        key = OKPKey.import_key(read_checked(file, then, title="A key of the server is not safe"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None
    except (JoseError, ValueError, TypeError) as error:
        raise SettingsError(f"{file} holds no key: {error}.") from None
    if key.curve_name != CURVE or not key.is_private:
        raise SettingsError(f"{file} holds no private key of {CURVE}.")
    return WireKey(key.thumbprint(), key)

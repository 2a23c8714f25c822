"""The master keys, which wrap the keys of sessions and datasets, and their source.

The source is the environment, a file, or the output of a command, so that a KMS fits. There may be
several, one a line: the first one wraps; the others are kept for what they have wrapped. Files and
commands are read again when an unknown key is needed. A key file is on the disk before anything is
wrapped by its key.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import secrets
import shlex
import subprocess
import threading
import time
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from autolearn.runtime.private_files import create_once, read_checked, replace
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import EncryptionSettings
from autolearn.security.data_key import Unreadable

logger = structlog.stdlib.get_logger("autolearn.eventlog")

_LENGTHS = (16, 32)
PATIENCE = 30.0
"""Seconds within which a command must have printed the key."""
_AGAIN = 10.0
"""Seconds after which a command is run again for a missing key."""


class MasterKey:
    """One AES key that wraps others (RFC 3394). `id` names it, and discloses nothing about it."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.id = hmac.new(key, b"autolearn master key id", hashlib.sha256).hexdigest()[:16]

    @classmethod
    def new(cls) -> MasterKey:
        """Return a new key of 256 bits."""
        return cls(secrets.token_bytes(32))

    def wrap(self, key: bytes) -> bytes:
        """Wrap a key."""
        return aes_key_wrap(self.key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Unwrap a key.

        Raises:
            Unreadable: this key did not wrap it, or it was changed since.
        """
        try:
            return aes_key_unwrap(self.key, wrapped)
        except (InvalidUnwrap, ValueError):
            raise Unreadable from None

    def text(self) -> str:
        """Return the key in the form of files and settings."""
        return base64.b64encode(self.key).decode()


class MasterKeys:
    """The master keys of a process: the first one wraps. Any thread may use it.

    A repeated command is awaited until `patience` seconds after its start, by all threads that need
    an unknown key; its later output counts, too.
    """

    def __init__(
        self, encryption: EncryptionSettings, home: Path, patience: float = PATIENCE
    ) -> None:
        self.encryption, self.home, self.patience = encryption, home, patience
        self.lock = threading.Lock()
        self.reading = threading.Lock()
        self.asking: threading.Thread | None = None
        self.until = 0.0
        self.keys = _read_keys(encryption, home)
        self.missed: dict[str, float] = {}

    @property
    def present(self) -> MasterKey:
        """The key that wraps."""
        return self.keys[0]

    def find(self, identity: str) -> MasterKey:
        """Return the key of that id, after reading the source again if need be.

        Raises:
            Unreadable: there is none, or the command was not awaited any longer.
        """
        found = self.known(identity)
        if found is None:
            self.ask(identity)
            found = self.known(identity)
        if found is None:
            raise Unreadable
        return found

    def ask(self, identity: str) -> None:
        """Read the source again for an unknown key, and wait for the result."""
        with self.lock:
            if self.asking is None or not self.asking.is_alive():
                if not self._may_ask(identity):
                    return
                self.asking = threading.Thread(target=self.answer, name="master keys", daemon=True)
                self.asking.start()
                self.until = time.monotonic() + self.patience
            asking, until = self.asking, self.until
        asking.join(max(0.0, until - time.monotonic()))

    def answer(self) -> None:
        """Take the result of reading again (in a thread); log a failure."""
        try:
            self.reload()
        except SettingsError as error:
            logger.warning("the master keys cannot be read again", why=error.detail)

    def _may_ask(self, identity: str) -> bool:
        """Return whether to ask for an unknown key: the command is not run for each record."""
        now = time.monotonic()
        if self.encryption.master_key_command and now < self.missed.get(identity, 0.0):
            return False
        self.missed[identity] = now + _AGAIN
        return True

    def reload(self) -> None:
        """Read the source again.

        Raises:
            SettingsError: there are none.
        """
        with self.reading:  # one after the other, so that the newest result counts
            self.keys = _read_keys(self.encryption, self.home)

    def known(self, identity: str) -> MasterKey | None:
        """Return the key of that id, or None."""
        return next((key for key in self.keys if key.id == identity), None)


def key_file(encryption: EncryptionSettings, home: Path) -> Path:
    """Return the file of the master key, if the source is a file."""
    named = encryption.master_key_file
    return Path(named).expanduser() if named else home / "keys" / "master.key"


def in_file(encryption: EncryptionSettings) -> bool:
    """Return whether the source is a file."""
    return not encryption.master_key and not encryption.master_key_command


def master_keys(
    encryption: EncryptionSettings, home: Path, patience: float = PATIENCE
) -> MasterKeys | None:
    """Return the master keys of this home, None where there are none and none is needed.

    Raises:
        SettingsError: there is none although AUTOLEARN_ENCRYPTION is on; or it cannot be used.
    """
    default = in_file(encryption) and not encryption.master_key_file
    if default and encryption.mode != "on" and not key_file(encryption, home).exists():
        return None
    return MasterKeys(encryption, home, patience)


def make_key_file(encryption: EncryptionSettings, home: Path) -> Path | None:
    """Make the home's key file if it is needed and missing; return it if it was made.

    Two processes that do so at the same time get the same key.
    """
    path = key_file(encryption, home)
    if not in_file(encryption) or encryption.master_key_file or encryption.mode == "off":
        return None
    if path.exists():
        return None
    create_once(path, f"{MasterKey.new().text()}\n".encode())
    return path


def write_key_file(path: Path, keys: list[MasterKey]) -> None:
    """Replace a key file (mode 0600) atomically; it is on the disk then."""
    replace(path, "".join(f"{key.text()}\n" for key in keys).encode())


def _read_keys(encryption: EncryptionSettings, home: Path) -> list[MasterKey]:
    """Read the master keys of the settings' source.

    Raises:
        SettingsError: there are none, or they cannot be used. The message holds no part of them.
    """
    if encryption.master_key:
        return _parsed(encryption.master_key, "AUTOLEARN_MASTER_KEY")
    if encryption.master_key_command:
        return _parsed(
            _printed(encryption.master_key_command), "What AUTOLEARN_MASTER_KEY_COMMAND says"
        )
    path = key_file(encryption, home)
    return _parsed(_content(path), str(path))


def _content(path: Path) -> str:
    """Return the content of a key file.

    Raises:
        SettingsError: there is none, or others may read it.
    """
    then = "if somebody has read it: `autolearn admin rotate-master-key`."
    try:
        found = read_checked(path, then, title="The master key is not safe")
        return found.decode("ascii", "replace")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}.",
            title="There is no master key",
            advice="Start `autolearn up` once, which makes one, or set AUTOLEARN_MASTER_KEY, "
            "AUTOLEARN_MASTER_KEY_FILE or AUTOLEARN_MASTER_KEY_COMMAND; or set "
            "AUTOLEARN_ENCRYPTION=off.",
        ) from None


def _printed(command: str) -> str:
    """Return the output of a command.

    Raises:
        SettingsError: it does not run, fails, or takes too long.
    """
    try:
        ran = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # Neither its output nor its arguments are logged: they may hold secrets.
        raise SettingsError(
            f"AUTOLEARN_MASTER_KEY_COMMAND fails ({type(error).__name__}).",
            title="There is no master key",
            advice="Run it by hand: it must print the key in base64, and nothing else.",
        ) from None
    return ran.stdout.decode("ascii", "replace")


def _parsed(text: str, where: str) -> list[MasterKey]:
    """Parse keys.

    Raises:
        SettingsError: one is no key, or there is none.
    """
    found = []
    for word in text.split():
        with contextlib.suppress(binascii.Error, ValueError):
            key = base64.b64decode(word, validate=True)
            if len(key) in _LENGTHS:
                found.append(MasterKey(key))
                continue
        break
    if not found or len(found) != len(text.split()):
        raise SettingsError(
            f"{where} holds something that is no key.",
            title="There is no master key",
            advice="A master key is 16 or 32 bytes in base64: `openssl rand -base64 32` makes one.",
        )
    return found

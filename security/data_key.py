"""The encryption of sessions' and datasets' data: AES-128-GCM (NIST SP 800-38D).

The ciphertext is nonce (12 bytes) || ciphertext || tag (16 bytes). The associated data bind it to
the id, the type and the stream of its record: it cannot be read anywhere else.
"""

from __future__ import annotations

import base64
import binascii
import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from autolearn.schemas.errors import AutoLearnError

NONCE, TAG = 12, 16
KEY = 16


class Unreadable(AutoLearnError):
    """Encrypted data cannot be read: one error for all reasons, which are not disclosed.

    The key is shredded or another one, or the ciphertext was changed, cut or moved.
    """

    title = "It is encrypted and cannot be read"

    def __init__(self) -> None:
        """Give no more details."""
        super().__init__(
            "Its key is not there any more, or this is not what was encrypted.",
            advice="What was shredded is gone for good. Otherwise: do all processes have the same "
            "master key?",
        )


def about(*parts: str) -> bytes:
    """Return the associated data of a record: its id, type, stream and so on."""
    return msgspec.json.encode(parts)


def about_progress(run: str) -> bytes:
    """Return the associated data of the progress of a run."""
    return about(run, "progress")


class DataKey:
    """The key of one session or dataset. `id` is its id.

    Nonces are 96 random bits. SP 800-38D (8.3) allows 2^32 messages under one key with such nonces:
    then two of them are the same with a probability below 2^-32. A session has four messages for
    each run (two commands, two events) and one in a second of its progress at most, which are far
    fewer than 2^30; artifacts and fingerprints have keys of their own, derived from this one (HKDF,
    RFC 5869).
    """

    def __init__(self, identity: str, key: bytes) -> None:
        if len(key) != KEY:
            raise Unreadable
        self.id, self.key, self.cipher = identity, key, AESGCM(key)

    @classmethod
    def new(cls, session: str) -> DataKey:
        """Return a new key for a session, by its id, or for dataset/<name>."""
        return cls(f"{session}.{secrets.token_hex(4)}", secrets.token_bytes(KEY))

    def seal(self, clear: bytes, associated: bytes) -> bytes:
        """Encrypt, with a new nonce."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self.cipher.encrypt(nonce, clear, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Decrypt.

        Raises:
            Unreadable: it was not encrypted by this key and these data, or was changed.
        """
        if len(sealed) < NONCE + TAG:
            raise Unreadable
        try:
            return self.cipher.decrypt(sealed[:NONCE], sealed[NONCE:], associated)
        except InvalidTag:
            raise Unreadable from None

    def open_text(self, sealed: str, associated: bytes) -> bytes:
        """Decrypt base64, the form in records.

        Raises:
            Unreadable: as `open`.
        """
        try:
            content = base64.b64decode(sealed, validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable from None
        return self.open(content, associated)

    def derived(self, purpose: str) -> bytes:
        """Return another key of 256 bits, for another purpose than messages."""
        info = f"autolearn {purpose}".encode()
        return HKDF(SHA256(), length=32, salt=None, info=info).derive(self.key)

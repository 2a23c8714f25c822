"""Encrypts and decrypts the content of an hour: labels and histograms."""

from __future__ import annotations

import binascii
import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, Raw

from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.schemas.records.prediction_hour import HourContent, PredictionHour
from autolearn.security.data_key import NONCE, Unreadable

_PURPOSE = "prediction-hours"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(HourContent).decode


def put_content(
    row: PredictionHour, content: HourContent, vault: SessionCipher, *, secret: bool
) -> None:
    """Put its content into an hour; encrypted if it is `secret`, or not at all without a key.

    There is no key any more when the model is deleted.

    Raises:
        LogError: the keys cannot be read.
    """
    clear = _encode(content)
    row.keyid, row.data, row.data_base64 = "", UNSET, UNSET
    if not secret:
        row.data = Raw(clear)
        return
    keyid = vault.of_session(f"model/{row.model}")
    try:
        cipher = AESGCM(vault.find(keyid).derived(_PURPOSE))
    except Unreadable:
        return
    nonce = secrets.token_bytes(NONCE)
    sealed = nonce + cipher.encrypt(nonce, clear, row.key.encode())
    row.keyid, row.data_base64 = keyid, binascii.b2a_base64(sealed, newline=False).decode()


def content_of(row: PredictionHour, vault: SessionCipher) -> HourContent | None:
    """Return the content of an hour; None if it cannot be read (any more)."""
    try:
        if row.data is not UNSET:
            return _decode(row.data)
        if row.data_base64 is UNSET:
            return None
        sealed = binascii.a2b_base64(row.data_base64)
        cipher = AESGCM(vault.key(row.keyid).derived(_PURPOSE))
        return _decode(cipher.decrypt(sealed[:NONCE], sealed[NONCE:], row.key.encode()))
    except (Unreadable, InvalidTag, ValueError):
        return None

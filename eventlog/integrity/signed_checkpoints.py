"""Signed checkpoints of a partition's hash chain, as they lie on `checkpoints`."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

from autolearn.eventlog.integrity.hash_chain import Chain
from autolearn.schemas.codec import Headers, from_json, to_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.checkpoint import CHECKPOINT_TYPE, Checkpoint
from autolearn.security.signing_keys import PublicKeys, SignatureRefused, SigningKey

CONTENT_TYPE: Headers = (("content-type", b"application/jose"),)
"""The Kafka header of a checkpoint (RFC 7515, 9.2.1)."""


def sealed(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """Sign a checkpoint: one line of ASCII, as it lies on the log."""
    return key.sign(to_json(checkpoint), CHECKPOINT_TYPE)


def opened(token: bytes, keys: PublicKeys) -> Checkpoint:
    """Verify and decode a signed checkpoint.

    Raises:
        SignatureRefused: it is malformed, or not signed by one of the keys.
    """
    try:
        return from_json(keys.open(token, CHECKPOINT_TYPE), Checkpoint)
    except MalformedRecord as error:
        raise SignatureRefused(f"It is no checkpoint: {error.detail}") from None


def unchecked(token: bytes) -> Checkpoint:
    """Decode a checkpoint without verifying its signature.

    Raises:
        MalformedRecord: it is not one.
    """
    try:
        payload = token.split(b".")[1]
        return from_json(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)), Checkpoint)
    except (IndexError, binascii.Error) as error:
        raise MalformedRecord(f"That is no checkpoint: {error}.") from None


def fingerprint(token: bytes) -> str:
    """Return the SHA-256 that the next checkpoint has as `previous`."""
    return sha256(token).hexdigest()


def chain_at(checkpoint: Checkpoint) -> Chain:
    """Return the chain that a checkpoint attests."""
    return Chain(checkpoint.events, checkpoint.offset, bytes.fromhex(checkpoint.hash))

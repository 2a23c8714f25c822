"""Files encrypted in segments: AES-GCM-HKDF streaming, as Tink defines it.

The format is that of https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming with
HKDF-SHA256, AES-128 and segments of 1 MiB, so that nothing of it is ours:

    header: its length (1 byte, 24), a random salt (16), the prefix of the nonces (7)
    then segments of 1 MiB, the first less the header, the last perhaps shorter: AES-GCM with a tag

A file has a key of its own, derived from the given one with the salt and the file's associated
data; the nonce of a segment is the prefix, its number, and whether it is the last. No segment can
be left out, doubled, moved or cut off.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SEGMENT = 1 << 20
_KEPT = 16
"""Decrypted segments that `OpenedRanges` keeps, for reads that are near each other."""
KEY, PREFIX, TAG = 16, 7, 16
HEADER = 1 + KEY + PREFIX


class CannotOpen(Exception):
    """A file was not sealed by this key, with these associated data, or was changed."""


def _cipher_of(key: bytes, salt: bytes, associated: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), length=KEY, salt=salt, info=associated).derive(key))


def _nonce_of(prefix: bytes, number: int, *, last: bool) -> bytes:
    """Return the nonce of a segment. There are fewer than 2^32 of them in a file (4 PiB)."""
    return prefix + number.to_bytes(4, "big") + bytes([last])


def seal_file(
    source: BinaryIO, target: BinaryIO, key: bytes, associated: bytes, *, segment: int = _SEGMENT
) -> None:
    """Encrypt the whole `source` to `target`."""
    for part in seal_segments(source, key, associated, segment=segment):
        target.write(part)


def seal_segments(
    source: BinaryIO, key: bytes, associated: bytes, *, segment: int = _SEGMENT
) -> Iterator[bytes]:
    """Yield the encrypted form of the whole `source`, a segment at a time."""
    salt, prefix = secrets.token_bytes(KEY), secrets.token_bytes(PREFIX)
    cipher = _cipher_of(key, salt, associated)
    yield bytes([HEADER]) + salt + prefix
    number, part = 0, source.read(segment - TAG - HEADER)
    while True:
        behind = source.read(segment - TAG)
        nonce = _nonce_of(prefix, number, last=not behind)
        yield cipher.encrypt(nonce, part, None)
        if not behind:
            return
        number, part = number + 1, behind


def open_file(
    source: BinaryIO, target: BinaryIO, key: bytes, associated: bytes, *, segment: int = _SEGMENT
) -> None:
    """Decrypt to `target`.

    Raises:
        CannotOpen: it was not sealed so. The content of `target` must be dropped then.
    """
    for clear in open_segments(source, key, associated, segment=segment):
        target.write(clear)


def clear_size(sealed: int, *, segment: int = _SEGMENT) -> int:
    """Return the plain size of a sealed file of this size."""
    return sealed - HEADER - TAG * max(1, -(-sealed // segment))


def open_segments(
    source: BinaryIO, key: bytes, associated: bytes, *, segment: int = _SEGMENT
) -> Iterator[bytes]:
    """Yield the plaintext, a segment at a time.

    Raises:
        CannotOpen: it was not sealed so. The yielded part is authentic, but perhaps incomplete.
    """
    header = source.read(HEADER)
    if len(header) != HEADER or header[0] != HEADER:
        raise CannotOpen
    salt, prefix = header[1 : 1 + KEY], header[1 + KEY :]
    cipher = _cipher_of(key, salt, associated)
    number, part = 0, source.read(segment - HEADER)
    while True:
        behind = source.read(segment)
        try:
            clear = cipher.decrypt(_nonce_of(prefix, number, last=not behind), part, None)
        except (InvalidTag, ValueError):
            raise CannotOpen from None
        yield clear
        if not behind:
            return
        number, part = number + 1, behind


class OpenedRanges:
    """The plaintext of a sealed file of `sealed` bytes, read at any place.

    A segment is decrypted when it is read. That the file is whole is checked with its last one.
    """

    def __init__(
        self,
        source: BinaryIO,
        sealed: int,
        key: bytes,
        associated: bytes,
        *,
        segment: int = _SEGMENT,
    ) -> None:
        """Read the header. Raises CannotOpen."""
        self._source, self._segment = source, segment
        self._segments = max(1, -(-sealed // segment))
        self.size = clear_size(sealed, segment=segment)
        header = source.read(HEADER)
        if len(header) != HEADER or header[0] != HEADER or self.size < 0:
            raise CannotOpen
        self._cipher = _cipher_of(key, header[1 : 1 + KEY], associated)
        self._prefix = header[1 + KEY :]
        self._known: OrderedDict[int, bytes] = OrderedDict()

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from an offset; fewer at the end. Raises CannotOpen."""
        end, parts = min(offset + length, self.size), []
        while offset < end:
            number, place = divmod(offset + HEADER, self._segment - TAG)
            first = HEADER if number == 0 else 0
            part = self._opened(number)[place - first : place - first + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def _opened(self, number: int) -> bytes:
        """Return a segment in clear."""
        if number not in self._known:
            first = HEADER if number == 0 else 0
            self._source.seek(number * self._segment + first)
            part = self._source.read(self._segment - first)
            nonce = _nonce_of(self._prefix, number, last=number == self._segments - 1)
            try:
                self._known[number] = self._cipher.decrypt(nonce, part, None)
            except (InvalidTag, ValueError):
                raise CannotOpen from None
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(number)
        return self._known[number]

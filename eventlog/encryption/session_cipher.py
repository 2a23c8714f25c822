"""Encrypts and decrypts the data of sessions and datasets, in records and in rows.

`schemas.confidentiality` defines the encrypted messages and their parts in clear.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw
from msgspec.structs import replace

from autolearn.eventlog.encryption.keyring import KeyRing, session_of
from autolearn.eventlog.log import Delivered, Log
from autolearn.runtime.home import home_of
from autolearn.schemas.codec import (
    CommandRecord,
    EventRecord,
    clear_data,
    event_of,
    from_json,
    present_type,
    raw,
)
from autolearn.schemas.confidentiality import clear_part, is_confidential
from autolearn.schemas.messages import Command, Event
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import StreamId
from autolearn.security.data_key import DataKey, Unreadable, about
from autolearn.security.master_keys import PATIENCE, master_keys

AnyRecord = TypeVar("AnyRecord", CommandRecord, EventRecord)


class EncryptedData(msgspec.Struct, array_like=True):
    """Encrypted data in the form of `codec.kept`: `data` are in base64."""

    keyid: str
    id: str
    type: str
    data: str


AGAIN, PAUSE = 60.0, 1.0
"""Seconds before an absent key is waited for again, and before any other absent key is: otherwise
each of many shredded keys would delay a page."""


def is_sealed(data: Raw) -> bool:
    """Return whether data of a row are encrypted."""
    return bytes(memoryview(data)[:1]) == b"["


def key_of_kept(data: Raw) -> str:
    """Return the key id of data of a row, "" for data in clear."""
    return from_json(data, EncryptedData).keyid if is_sealed(data) else ""


def belongs(keyid: str, stream: str) -> bool:
    """Return whether a key belongs to a stream."""
    whose = session_of(keyid)
    return stream == (whose if "/" in whose else f"session/{whose}")


def _about(record: CommandRecord | EventRecord) -> bytes:
    """Return the associated data of a record, which differ between records.

    Those of a command that a group's grant allows have that group, and who gives the command.
    """
    more: tuple[str, ...] = ()
    if isinstance(record, CommandRecord) and record.via is not UNSET:
        more = (record.actor, record.via)
    return about(record.id, record.type, record.subject, *more)


class SessionCipher:
    """Encrypts and decrypts with the keys of a process. Without a `ring` it has none.

    It waits `patience` seconds, once in a while, for a key that was not read yet. `prepare` and
    `find` read the whole topic first, and block.
    """

    def __init__(
        self, ring: KeyRing | None = None, *, makes: bool = False, patience: float = 0.0
    ) -> None:
        self.ring, self.patience = ring, patience
        self.makes = makes and ring is not None
        self.missed: dict[str, float] = {}
        self.in_vain = 0.0
        self.shredded: Callable[[str], bool] = lambda _: False
        """Says whether a session has ended so that its key is not to be waited for."""

    def start(self) -> None:
        """Start to follow the keys."""
        if self.ring is not None:
            self.ring.start()

    def catch_up(self) -> None:
        """Wait until all keys on the log are known.

        Raises:
            LogError: they cannot be read.
        """
        if self.ring is not None:
            self.ring.catch_up()

    def stop(self) -> None:
        """Forget the keys."""
        if self.ring is not None:
            self.ring.stop()

    # Keys

    def key(self, identity: str) -> DataKey:
        """Return a key.

        Raises:
            Unreadable: it is not known.
        """
        ring = self.ring
        if ring is None:
            raise Unreadable
        if self.patience and not ring.knows(identity):
            self.wait_for(identity, ring)
        return ring.get(identity)

    def wait_for(self, identity: str, ring: KeyRing) -> None:
        """Wait a moment for a key that is on the log, once in a while."""
        now = time.monotonic()
        if now < max(self.in_vain, self.missed.get(identity, 0.0)):
            return
        if self.shredded(session_of(identity)):
            return
        with ring.changed:
            if not ring.changed.wait_for(lambda: ring.knows(identity), self.patience):
                self.missed[identity] = now + AGAIN
                self.in_vain = time.monotonic() + PAUSE

    def of_session(self, session: str) -> str:
        """Return the id of the key of a session or dataset/<name>, "" if none is known."""
        found = self.ring.of_session(session) if self.ring is not None else []
        return found[0] if found else ""

    def find(self, identity: str) -> DataKey:
        """Return a key, after reading the whole topic if necessary (blocks).

        Raises:
            Unreadable: there is none.
            LogError: they cannot be read.
        """
        if self.ring is None:
            raise Unreadable
        return self.ring.find(identity)

    def lacks(self, value: bytes) -> bool:
        """Return whether a record names a key that was not read yet."""
        if self.ring is None or b'"keyid":' not in value:
            return False
        try:
            identity = naming.decode(value).keyid
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False  # no record, so no key
        return identity != "" and not self.ring.knows(identity)

    def make(self, session: str, delivered: Delivered) -> None:
        """Make a key for a session if the process makes keys; usable once `delivered`.

        Raises:
            LogError: it cannot be sent.
        """
        assert self.ring is not None
        self.ring.make(session, delivered)

    # Records

    def seal(self, record: AnyRecord, message: Command | Event, keyid: str) -> AnyRecord:
        """Encrypt the record of a confidential message; return others unchanged.

        Raises:
            Unreadable: the key is not known.
        """
        if not keyid or not is_confidential(type(message)):
            return record
        key = self.key(keyid)
        associated = _about(record)
        sealed = base64.b64encode(key.seal(bytes(raw(message)), associated)).decode()
        return replace(record, keyid=keyid, data=UNSET, data_base64=sealed, **clear_part(message))

    def open(self, record: AnyRecord) -> AnyRecord:
        """Decrypt a record; return one in clear unchanged.

        Raises:
            Unreadable: the key is not known, or the ciphertext is not authentic.
        """
        if record.data_base64 is UNSET:
            return record
        if record.keyid is UNSET or not belongs(record.keyid, record.subject):
            raise Unreadable
        associated = _about(record)
        clear = self.key(record.keyid).open_text(record.data_base64, associated)
        return replace(record, data=Raw(clear), data_base64=UNSET)

    def open_kept(self, stream: str, data: Raw) -> Raw:
        """Decrypt data of rows and tasks, in the present version of their type.

        Raises:
            Unreadable: as `open`.
        """
        if not is_sealed(data):
            return data
        found = from_json(data, EncryptedData)
        record = EventRecord(
            id=found.id,
            source="",
            type=found.type,
            subject=StreamId(stream),
            time="",
            sequence=0,
            term=0,
            keyid=found.keyid,
            data_base64=found.data,
        )
        opened = self.open(record)
        lifted = present_type(opened) != opened.type
        return raw(event_of(opened)) if lifted else clear_data(opened)

    def fingerprint(self, keyid: str, plain: str) -> str:
        """Return the keyed fingerprint of a confidential request.

        Raises:
            Unreadable: the key is not known.
        """
        key = self.key(keyid).derived("fingerprints")
        return f"{keyid}:{hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()[:32]}"

    def same_request(self, told: str, plain: str) -> bool:
        """Return whether a fingerprint is that of a request; a shredded key counts as equal."""
        keyid, mark, _ = told.rpartition(":")
        if not mark or ":" in plain:  # a dead letter is retried unchanged
            return told == plain
        try:
            return hmac.compare_digest(told, self.fingerprint(keyid, plain))
        except Unreadable:
            return True


class Naming(msgspec.Struct):
    """The part of a record that names its key."""

    keyid: str = ""


naming = msgspec.json.Decoder(Naming)


def open_vault(
    settings: Settings, log: Log, *, makes: bool = False, patience: float = 0.0
) -> SessionCipher:
    """Return the session cipher of a process; nothing is read before `start`.

    Raises:
        SettingsError: a required master key is missing or cannot be used.
    """
    masters = master_keys(settings.encryption, home_of(settings), patience or PATIENCE)
    if masters is None:
        return SessionCipher()
    ring = KeyRing(log, Topics.of(settings).keys.name, masters)
    return SessionCipher(ring, makes=makes and settings.encryption.mode != "off", patience=patience)

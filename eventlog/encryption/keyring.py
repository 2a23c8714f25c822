"""The keys of sessions and datasets in one process, read from the start of `keys`.

Wrapped keys are kept in memory (about 200 bytes each); those in use are unwrapped into a cache of
at most _CACHED. A tombstone drops a key from both.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime

import structlog

from autolearn.eventlog.append import append_and_wait
from autolearn.eventlog.log import Delivered, Log, Record
from autolearn.schemas.codec import from_json, to_json
from autolearn.schemas.errors import AutoLearnError, LogError, MalformedRecord
from autolearn.schemas.records.session_key import ROLL, Roll, WrappedKey
from autolearn.security.data_key import DataKey, Unreadable
from autolearn.security.master_keys import MasterKeys

_CACHED = 10_000
"""Unwrapped keys that one process holds."""
logger = structlog.get_logger(__name__)


def session_of(identity: str) -> str:
    """Return the owner of a key by the key's id: a session's id, or dataset/<name>."""
    return identity.rpartition(".")[0] or identity


class KeyRing:
    """Holds the keys, makes new ones and shreds them. Methods block; any thread may call them.

    Without `masters` it knows the ids of the keys and can shred them, but cannot unwrap them.
    `on_key(id)` is called, in the ring's thread, for every key that is read from the log, and
    `on_master()` when all keys have been wrapped by another master key. It waits `patience` seconds
    for an acknowledgement and for the next record; after a failure it reads again in `pause`.
    """

    def __init__(
        self,
        log: Log,
        topic: str,
        masters: MasterKeys | None,
        on_key: Callable[[str], None] = lambda _: None,
        on_master: Callable[[], None] = lambda: None,
        *,
        patience: float = 10.0,
        pause: float = 1.0,
    ) -> None:
        self.log, self.topic, self.masters, self.on_key = log, topic, masters, on_key
        self.on_master, self.patience, self.pause = on_master, patience, pause
        self.changed = threading.Condition()
        self.wrapped: dict[str, WrappedKey] = {}
        self.sessions: dict[str, list[str]] = {}
        self.unwrapped: OrderedDict[str, DataKey] = OrderedDict()
        self.masters_used: set[str] = set()
        """The ids of the master keys that have wrapped something here."""
        self.shredded: set[str] = set()
        """The ids of keys whose tombstones were read."""
        self.next = 0
        self.stopped = threading.Event()
        self.thread: threading.Thread | None = None

    # Following the topic

    def start(self) -> None:
        """Follow the topic in a thread. Idempotent."""
        if self.thread is None:
            self.thread = threading.Thread(target=self.run, name="keys", daemon=True)
            self.thread.start()

    def stop(self) -> None:
        """Stop the thread, and forget every key."""
        self.stopped.set()
        if self.thread is not None:
            self.thread.join(self.patience)
        with self.changed:
            self.wrapped.clear()
            self.unwrapped.clear()
            self.sessions.clear()

    def run(self) -> None:
        """Read until stopped (in the thread); after any failure, continue behind it.

        A ring that stopped reading would keep shredded keys.
        """
        while not self.stopped.is_set():
            try:
                self.read()
            except AutoLearnError as error:
                logger.warning("the keys cannot be read", why=error.detail)
                self.stopped.wait(self.pause)
            except Exception:  # an error must not end the thread unseen
                logger.exception("the keys cannot be read")
                self.stopped.wait(self.pause)

    def read(self) -> None:
        """Read until stopped, or until a failure."""
        begin = max(self.next, self.log.begins(self.topic)[0])
        with self.changed:
            self.next = begin
        with closing(self.log.reader(self.topic, {0: begin})) as reader:
            while not self.stopped.is_set():
                for record in reader.read(1000, 0.2):
                    self.take(record)

    def take(self, record: Record) -> None:
        """Process one record."""
        identity, value = (record.key or b"").decode(errors="replace"), record.value
        if value is not None and identity == ROLL:
            self.learn(value)
        with self.changed:
            if value is None:
                self.drop(identity)
            elif identity != ROLL:
                self.add(identity, value)
            self.next = record.offset + 1
            self.changed.notify_all()
        if value is not None and identity != ROLL:
            self._wrap_again(identity)
            self.on_key(identity)

    def learn(self, value: bytes) -> None:
        """Load the master keys again, if there is a new one."""
        try:
            named = from_json(value, Roll).master
            if named:
                self.on_master()
            if self.masters is None or not named:
                return
            if self.masters.known(named) is None:
                self.masters.reload()
            with self.changed:
                held = list(self.unwrapped)
            for identity in held:
                self._wrap_again(identity)
        except AutoLearnError as error:
            logger.warning("there is a new master key, and it is not here", why=error.detail)

    def _wrap_again(self, identity: str) -> None:
        """Wrap a key again that was made here while another process changed the master key.

        That process does not know the key, and may forget the master key that wraps it. (If the key
        is shredded meanwhile, it is shredded once more, as any key that comes too late.)
        """
        with self.changed:
            wrapped, key = self.wrapped.get(identity), self.unwrapped.get(identity)
        if self.masters is None or wrapped is None or key is None:
            return
        if wrapped.master in self.masters_used - {self.masters.present.id}:
            self.log.append(self.topic, self.wrap(key.key), key=identity, partition=0)

    def add(self, identity: str, value: bytes) -> None:
        """Add a key, or replace its wrapping."""
        try:
            self.wrapped[identity] = from_json(value, WrappedKey)
        except MalformedRecord as error:
            logger.warning("a record on keys is no key", id=identity, why=error.detail)
            return
        ids = self.sessions.setdefault(session_of(identity), [])
        if identity not in ids:
            ids.append(identity)

    def drop(self, identity: str) -> None:
        """Remove a key."""
        self.shredded.add(identity)
        self.wrapped.pop(identity, None)
        self.unwrapped.pop(identity, None)
        ids = self.sessions.get(session_of(identity), [])
        if identity in ids:
            ids.remove(identity)
        if not ids:
            self.sessions.pop(session_of(identity), None)

    def catch_up(self) -> None:
        """Wait until everything on the topic is read.

        Raises:
            LogError: nothing has come for some time.
        """
        end = self.log.ends(self.topic)[0]
        if not self.until(end):
            raise LogError(f"{self.topic} cannot be read at the moment.")

    def until(self, end: int) -> bool:
        """Wait until everything before an offset is read, while reading makes progress.

        Return whether it was reached.
        """
        with self.changed:
            # The record before the end always comes: it is in the segment that is never compacted.
            while True:
                before = self.next
                if self.changed.wait_for(lambda: self.next >= end, self.patience):
                    return True
                if self.next == before:
                    return False

    # Using keys

    def knows(self, identity: str) -> bool:
        """Return whether the key is known, as far as the topic was read."""
        return identity in self.wrapped

    def get(self, identity: str) -> DataKey:
        """Return a key.

        Raises:
            Unreadable: the key is unknown so far, or no master key unwraps it.
        """
        with self.changed:
            key = self.unwrapped.get(identity)
            if key is not None:
                self.unwrapped.move_to_end(identity)
                return key
            wrapped = self.wrapped.get(identity)
        if wrapped is None or self.masters is None:
            raise Unreadable
        try:
            content = base64.b64decode(wrapped.key, validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable from None
        key = DataKey(identity, self.masters.find(wrapped.master).unwrap(content))
        with self.changed:
            if identity in self.wrapped:  # it may have been shredded meanwhile
                self.unwrapped[identity] = key
                while len(self.unwrapped) > _CACHED:
                    self.unwrapped.popitem(last=False)
        return key

    def find(self, identity: str) -> DataKey:
        """Return a key, after reading the whole topic if necessary.

        Raises:
            Unreadable: there is none.
            LogError: the topic cannot be read in time.
        """
        if self.knows(identity):
            with suppress(Unreadable):  # it may be wrapped anew further on
                return self.get(identity)
        self.catch_up()
        return self.get(identity)

    def of_session(self, session: str) -> list[str]:
        """Return the ids of a session's keys, in the order of their arrival here."""
        with self.changed:
            return list(self.sessions.get(session, ()))

    def owners(self) -> list[str]:
        """Return the owners of all keys."""
        with self.changed:
            return list(self.sessions)

    def all(self) -> dict[str, WrappedKey]:
        """Return all wrapped keys."""
        with self.changed:
            return dict(self.wrapped)

    # Changing what is on the topic

    def make(self, session: str, delivered: Delivered) -> None:
        """Make a key for a session and append it; return before the acknowledgement.

        The key is usable once acknowledged, just before `delivered` is called.

        Raises:
            LogError: it cannot be sent.
        """
        key = DataKey.new(session)
        value = self.wrap(key.key)

        def known(error: LogError | None, partition: int, offset: int) -> None:
            if error is None:
                self.hold(key, value)
            delivered(error, partition, offset)

        self.log.append(self.topic, value, key=key.id, partition=0, delivered=known)

    def hold(self, key: DataKey, value: bytes) -> None:
        """Add a key that was made here, before it is read from the log."""
        with self.changed:
            if key.id not in self.shredded:
                self.add(key.id, value)
                self.unwrapped[key.id] = key
            self.changed.notify_all()

    def wrap(self, key: bytes) -> bytes:
        """Return the record of a key, wrapped by the present master key."""
        assert self.masters is not None
        master = self.masters.present
        self.masters_used.add(master.id)
        made = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        wrapped = base64.b64encode(master.wrap(key)).decode()
        return to_json(WrappedKey(master.id, wrapped, made))

    def shred(self, identity: str) -> None:
        """Shred a key: no later reader of the topic can get it.

        Raises:
            LogError: Kafka has not acknowledged it in time.
        """
        self.append(identity, None)

    def roll(self) -> None:
        """Append a record, so that the segment before is closed and compacted.

        Raises:
            LogError: Kafka has not acknowledged it in time.
        """
        master = self.masters.present.id if self.masters is not None else ""
        self.append(ROLL, to_json(Roll(master)))

    def append(self, identity: str, value: bytes | None) -> int:
        """Append a record, and return its offset once it is acknowledged."""
        return append_and_wait(
            self.log, self.topic, value, key=identity, partition=0, timeout=self.patience
        )

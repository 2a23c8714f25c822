"""Histories as they are with encryption and without, and the keys that belong to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from autolearn.agents.command_handling.decision import AppendFence, decide
from autolearn.agents.command_handling.state_store import Stream, decider_of
from autolearn.eventlog.encryption.keyring import KeyRing
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas.codec import ATTRIBUTES, CommandRecord, EventRecord, command_of
from autolearn.schemas.errors import LogError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.security.data_key import DataKey
from autolearn.security.master_keys import MasterKey, MasterKeys
from tests.support.random_histories import random_records
from tests.support.settings import settings_of

MASTER = MasterKey.new()
KEYS = Topics.of(Settings()).keys


@contextmanager
def vault_of(log: MemoryLog, master: MasterKey = MASTER) -> Iterator[SessionCipher]:
    """A vault on the keys of a log."""
    log.create([KEYS])
    masters = MasterKeys(settings_of(master_key=master.text()).encryption, None)
    vault = SessionCipher(KeyRing(log, KEYS.name, masters), makes=True)
    vault.start()
    try:
        yield vault
    finally:
        vault.stop()


class Pair(NamedTuple):
    """The same event, told in clear and encrypted."""

    clear: EventRecord
    sealed: EventRecord


class Deciding:
    """One decider, with or without keys."""

    def __init__(self, vault: SessionCipher | None) -> None:
        self.vault, self.last = vault, -1
        self.streams: dict[str, Stream] = {}

    def answer(self, offset: int, record: CommandRecord) -> EventRecord:
        fresh = Stream(0, decider_of(record.subject).initial)
        before = self.streams.get(record.subject, fresh)
        decision = decide(before, record, AppendFence(0, offset, self.last, 1), self.vault)
        self.last = offset
        self.streams[record.subject] = decision.after
        return decision.record


def made(ring: KeyRing, session: str) -> DataKey:
    """A new key for a session, on a log in memory."""
    outcome: list[LogError | None] = []
    ring.catch_up()
    known = set(ring.of_session(session))
    ring.make(session, lambda error, _, __: outcome.append(error))
    assert outcome == [None]
    (identity,) = set(ring.of_session(session)) - known
    return ring.get(identity)


def key_for(vault: SessionCipher, session: str) -> str:
    """The id of a session's key, made if need be."""
    assert vault.ring is not None
    found = vault.of_session(session)
    return found or made(vault.ring, session).id


def sealed_command(vault: SessionCipher, record: CommandRecord) -> CommandRecord:
    """A command as the API or a worker sends it."""
    kind, _, name = record.subject.partition("/")
    if kind not in ("session", "model", "pipeline"):
        return record
    whose = name if kind == "session" else record.subject
    return vault.seal(record, command_of(record), key_for(vault, whose))


def histories(vault: SessionCipher, random: Random, count: int) -> list[Pair]:
    """What is answered to random commands, told both ways."""
    clear, sealed = Deciding(None), Deciding(vault)
    seen: set[tuple[str, str]] = set()
    pairs = []
    for offset, record in enumerate(random_records(random, count)):
        if (record.subject, record.id) not in seen:
            seen.add((record.subject, record.id))
            hidden = sealed_command(vault, record)
            pairs.append(Pair(clear.answer(offset, record), sealed.answer(offset, hidden)))
    for name, stream in clear.streams.items():
        assert replace(sealed.streams[name], keyid="") == stream
    return pairs


def without_envelope(record: EventRecord) -> EventRecord:
    """An event that was opened, as if it had never been sealed."""
    return replace(record, keyid=UNSET, **dict.fromkeys(ATTRIBUTES, UNSET))

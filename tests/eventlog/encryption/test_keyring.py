"""Keys follow the topic `keys`: made, known elsewhere, wrapped anew, shredded."""

import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext

import pytest

from autolearn.eventlog.encryption.keyring import KeyRing, session_of
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import Log, Record, RecordReader
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas.errors import LogError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.security.data_key import Unreadable
from autolearn.security.master_keys import MasterKey, MasterKeys
from tests.support.encrypted_system import made
from tests.support.settings import settings_of

A, B = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "ab")
MASTER = MasterKey.new()
TOPIC = Topics.of(Settings()).keys


def ring(log: Log, master: MasterKey = MASTER, **times: float) -> KeyRing:
    masters = MasterKeys(settings_of(master_key=master.text()).encryption, None)
    found = KeyRing(log, TOPIC.name, masters, **times)
    found.start()
    return found


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    log.create([TOPIC])
    return log


@pytest.fixture
def two(log: MemoryLog) -> Iterator[tuple[KeyRing, KeyRing]]:
    rings = ring(log), ring(log, pause=0.01)
    yield rings
    for one in rings:
        one.stop()


def test_a_key_is_known_everywhere(two, log):
    here, there = two
    key = made(here, A)
    assert session_of(key.id) == A
    assert here.get(key.id).key == key.key
    assert there.find(key.id).key == key.key
    assert there.of_session(A) == [key.id]
    assert there.of_session(B) == []
    lying = [message.value for message in log.topics[TOPIC.name][0]]
    assert not any(key.key in value or key.key.hex().encode() in value for value in lying)


def test_two_processes_may_make_a_key_for_the_same_session(two):
    here, there = two
    mine, other = made(here, A), made(there, A)
    here.catch_up()
    assert here.of_session(A) == [mine.id, other.id]
    assert here.get(other.id).key == other.key


def test_a_tombstone_drops_the_key_where_it_was_in_use_too(two):
    here, there = two
    key, kept = made(here, A), made(here, B)
    assert there.find(key.id).key == key.key
    there.shred(key.id)
    for one in two:
        one.catch_up()
        with pytest.raises(Unreadable):
            one.get(key.id)
        with pytest.raises(Unreadable):
            one.find(key.id)
        assert one.of_session(A) == []
        assert one.get(kept.id).key == kept.key


def test_a_ring_that_begins_later_knows_the_same(two, log):
    here, _ = two
    key, gone = made(here, A), made(here, B)
    here.shred(gone.id)
    here.roll()
    later = ring(log)
    assert later.find(key.id).key == key.key
    assert set(later.all()) == {key.id}
    later.stop()


def test_with_another_master_key_nothing_is_read(two, log):
    key = made(two[0], A)
    stranger = ring(log, MasterKey.new())
    with pytest.raises(Unreadable):
        stranger.find(key.id)
    assert stranger.of_session(A) == [key.id]
    stranger.stop()


def test_what_is_no_key_is_passed_over(two, log):
    log.append(TOPIC.name, b"nonsense", key=f"{A}.1")
    log.append(TOPIC.name, b'{"master":"m","key":"?","made":""}', key=f"{A}.2")
    key = made(two[0], A)
    assert two[1].find(key.id).key == key.key
    for identity in (f"{A}.1", f"{A}.2", f"{A}.3"):
        with pytest.raises(Unreadable):
            two[1].find(identity)


def test_what_is_stopped_has_no_keys(log):
    one = ring(log)
    key = made(one, A)
    one.get(key.id)
    one.stop()
    assert not one.all()
    assert not one.unwrapped


def test_a_fault_of_who_hears_of_keys_does_not_end_the_reading(two, log):
    here, there = two
    heard = []

    def hear(identity):
        heard.append(identity)
        if len(heard) == 1:
            raise ValueError("a fault")

    there.on_key = hear
    first, second = made(here, A), made(here, B)
    there.catch_up()
    here.shred(first.id)
    there.catch_up()
    assert heard == [first.id, second.id], "each once"
    assert set(there.all()) == {second.id}


def test_many_keys_that_are_gone_are_not_waited_for_one_by_one(two):
    here, there = two
    vault = SessionCipher(there, patience=0.2)
    began = time.monotonic()
    for number in range(50):
        with pytest.raises(Unreadable):
            vault.key(f"{A}.{number}")
    assert time.monotonic() - began < 8, "waiting for each would take ten seconds"
    vault.in_vain = 0.0  # a while later
    late = made(here, B)
    assert vault.key(late.id).key == late.key


class Slow(MemoryLog):
    """A log that gives one record at a time, and none after the third if it `stands`."""

    stands = False

    def reader(
        self, topic: str, start: Mapping[int, int], *, fetch: int | None = None
    ) -> RecordReader:
        reader = super().reader(topic, start, fetch=fetch)
        read, left = reader.read, iter(range(3 if self.stands else 10**6))

        def slowly(_: int, timeout: float) -> list[Record]:
            time.sleep(0.05)
            return read(1, timeout) if next(left, None) is not None else []

        reader.read = slowly  # type: ignore[method-assign]
        return reader


@pytest.mark.parametrize("stands", [False, True])
def test_many_keys_are_waited_for_as_long_as_they_come(stands: bool):
    log = Slow()
    log.create([TOPIC])
    for number in range(12):
        log.append(TOPIC.name, b"", key=f"no-key-{number}", partition=0)
    log.stands = stands
    one = ring(log, patience=0.3)
    with pytest.raises(LogError, match="cannot be read") if stands else nullcontext():
        one.catch_up()
    assert one.next == (3 if stands else 12)
    one.stop()

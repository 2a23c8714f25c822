"""Another master key: everything is wrapped anew, and what was shredded stays so."""

import threading

import pytest

from autolearn.eventlog.encryption.keyring import KeyRing
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.operations.rotate_master_key import rotate
from autolearn.runtime.home import lock
from autolearn.schemas.errors import AlreadyRunning, SettingsError
from autolearn.schemas.records.session_key import ROLL
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.security.data_key import Unreadable
from autolearn.security.master_keys import MasterKey, MasterKeys, key_file, make_key_file
from tests.support.encrypted_system import made
from tests.support.settings import settings_of
from tests.support.waiting import until

SETTINGS = Settings()
TOPIC = Topics.of(SETTINGS).keys
A, B, C = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")


class Disturbed(MemoryLog):
    """A log on which a key is shredded right before it is wrapped anew, or something is done at
    the end of a rotation."""

    unlucky = ""

    def at_end(self):
        """Nothing is done."""

    def append(self, topic, value, *, key, **more):
        if key == ROLL:
            self.at_end()
        if key == self.unlucky and value is not None:
            self.unlucky = ""
            super().append(topic, None, key=key, partition=0)
        super().append(topic, value, key=key, **more)


@pytest.fixture
def log():
    log = Disturbed()
    log.create([TOPIC])
    return log


def ring(log, settings, home):
    found = KeyRing(log, TOPIC.name, MasterKeys(settings.encryption, home))
    found.start()
    return found


def test_every_key_is_wrapped_anew_and_stays_the_same(log, tmp_path):
    make_key_file(SETTINGS.encryption, tmp_path)
    running = ring(log, SETTINGS, tmp_path)
    first = running.masters.present
    keys = [made(running, session) for session in (A, B)]
    gone = made(running, C)
    running.shred(gone.id)
    done = rotate(log, SETTINGS, tmp_path)
    assert (done.rewrapped, done.unreadable, done.known) == (2, 0, (first.id,))
    running.catch_up()
    assert running.masters.present.id == done.master, "what runs uses it from here on"
    assert {wrapped.master for wrapped in running.all().values()} == {done.master}
    later = ring(log, SETTINGS, tmp_path)
    later.catch_up()
    for one in (running, later):
        one.unwrapped.clear()
        assert [one.get(key.id).key for key in keys] == [key.key for key in keys]
        with pytest.raises(Unreadable):
            one.get(gone.id)
        one.stop()


def test_it_may_be_repeated_and_the_old_key_forgotten(log, tmp_path):
    make_key_file(SETTINGS.encryption, tmp_path)
    running = ring(log, SETTINGS, tmp_path)
    key = made(running, A)
    rotate(log, SETTINGS, tmp_path)
    second = rotate(log, SETTINGS, tmp_path)
    assert len(second.known) == 2
    third = rotate(log, SETTINGS, tmp_path, forget=True)
    assert (third.master, third.rewrapped, third.known) == (second.master, 0, ())
    assert len(key_file(SETTINGS.encryption, tmp_path).read_text().split()) == 1
    later = ring(log, SETTINGS, tmp_path)
    assert later.find(key.id).key == key.key
    later.stop()
    running.stop()


def test_two_at_a_time_would_lose_a_key(log, tmp_path):
    make_key_file(SETTINGS.encryption, tmp_path)
    before = key_file(SETTINGS.encryption, tmp_path).read_text()
    held = lock(key_file(SETTINGS.encryption, tmp_path).with_name("master.key.lock"), "Another")
    with held, pytest.raises(AlreadyRunning):
        rotate(log, SETTINGS, tmp_path)
    assert key_file(SETTINGS.encryption, tmp_path).read_text() == before
    assert rotate(log, SETTINGS, tmp_path).known


def test_a_key_that_nobody_can_unwrap_is_told_and_nothing_is_forgotten(log, tmp_path):
    make_key_file(SETTINGS.encryption, tmp_path)
    stranger = ring(log, settings_of(master_key=MasterKey.new().text()), tmp_path)
    made(stranger, A)
    stranger.stop()
    rotate(log, SETTINGS, tmp_path)
    done = rotate(log, SETTINGS, tmp_path, forget=True)
    assert (done.rewrapped, done.unreadable) == (0, 1)
    assert len(done.known) == 1


def test_what_is_shredded_meanwhile_does_not_come_back(log, tmp_path):
    make_key_file(SETTINGS.encryption, tmp_path)
    running = ring(log, SETTINGS, tmp_path)
    key = made(running, A)
    log.unlucky = key.id
    rotate(log, SETTINGS, tmp_path)
    running.catch_up()
    with pytest.raises(Unreadable):
        running.get(key.id)
    assert not running.knows(key.id)
    running.stop()


def test_elsewhere_the_new_key_comes_first(log, tmp_path):
    one, two = MasterKey.new(), MasterKey.new()
    with pytest.raises(SettingsError, match="one master key only"):
        rotate(log, settings_of(master_key=one.text()), tmp_path)
    running = ring(log, settings_of(master_key=one.text()), tmp_path)
    key = made(running, A)
    running.stop()
    done = rotate(log, settings_of(master_key=f"{two.text()} {one.text()}"), tmp_path)
    assert (done.master, done.rewrapped, done.known) == (two.id, 1, (one.id,))
    later = ring(log, settings_of(master_key=two.text()), tmp_path)
    assert later.find(key.id).key == key.key
    later.stop()


class Behind(KeyRing):
    """The keys of a process that does not get to know of a new master key, until it may."""

    def __init__(self, log, home):
        super().__init__(log, TOPIC.name, MasterKeys(SETTINGS.encryption, home))
        self.may = threading.Event()

    def learn(self, value):
        assert self.may.wait(10)
        super().learn(value)

    def made(self, session):
        """Make a key without reading first what is on the log."""
        self.make(session, lambda *_: None)
        (identity,) = self.of_session(session)
        return self.get(identity)


@pytest.fixture
def behind(log, tmp_path):
    make_key_file(SETTINGS.encryption, tmp_path)
    one = Behind(log, tmp_path)
    one.start()
    yield one
    one.may.set()
    one.stop()


def test_a_key_that_comes_while_the_old_one_is_forgotten_is_not_lost(log, tmp_path, behind):
    rotate(log, SETTINGS, tmp_path)
    late = []
    log.at_end = lambda: late or late.append(behind.made(A))
    rotate(log, SETTINGS, tmp_path, forget=True)
    later = ring(log, SETTINGS, tmp_path)
    assert later.find(late[0].id).key == late[0].key
    later.stop()


def test_a_key_that_was_made_with_the_forgotten_one_is_not_lost(log, tmp_path, behind):
    rotate(log, SETTINGS, tmp_path)
    master = rotate(log, SETTINGS, tmp_path, forget=True).master
    late = behind.made(A)
    assert behind.all()[late.id].master != master
    behind.may.set()
    until(lambda: behind.all()[late.id].master == master)
    later = ring(log, SETTINGS, tmp_path)
    assert later.find(late.id).key == late.key
    later.stop()

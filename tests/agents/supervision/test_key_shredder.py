"""What is not kept is shredded: at least once, also after a restart, and also what comes late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autolearn.agents.command_client import CommandClient
from autolearn.agents.supervision.key_shredder import (
    FIRST_PAUSE,
    MOST_FAILING,
    OVERDUE,
    ROUND,
    KeyShredder,
)
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.encryption.keyring import KeyRing
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.store import key
from autolearn.projections.work.session_retention import SessionRetention
from autolearn.runtime.meter import Meter
from autolearn.schemas import events
from autolearn.schemas.actors import SUPERVISE
from autolearn.schemas.codec import EventRecord, command_of, decode_command, raw
from autolearn.schemas.commands import ExpireSession, ProposeExpiry
from autolearn.schemas.errors import LogError
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from tests.support import samples
from tests.support.encrypted_system import key_for, made, vault_of

A, B, C = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")
TOPICS = Topics.of(Settings())
MINUTE, DAY = 60_000.0, 86_400_000.0
NOON = 1_767_268_800_000.0
"""2026-01-01T12:00:00Z in milliseconds since 1970."""
ENDS: list[tuple[Event, ...]] = [
    (events.SessionDiscarded(),),
    (events.SessionExpired(),),
    (events.SessionCommitted(("t1",)), events.ExperimentDeleted()),
]


class Place:
    """Sessions with keys and models, and what shreds them."""

    def __init__(self, vault: SessionCipher, log: MemoryLog, folder: Path) -> None:
        self.vault, self.log = vault, log
        self.store = MemoryStore()
        self.artifacts = ArtifactStore((folder / "store").as_uri(), b"k" * 32)
        self.drafts = SessionRetention(self.store)
        self.offset = 0
        self.start()

    def start(self) -> None:
        """Begin, or begin again, with what is stored and on the log."""
        self.ring = KeyRing(self.log, TOPICS.keys.name, None)
        self.ring.start()
        self.ring.catch_up()
        self.drafts = SessionRetention(self.store)
        meter, client = Meter("supervise"), CommandClient(self.log, TOPICS, SUPERVISE, "tests")
        self.shredding = KeyShredder(
            client, TOPICS, self.drafts, self.ring, self.artifacts, meter, DAY / 1000
        )
        self.shredding.begin()

    def tell(self, session: str, *said: Event, keyid: str = "", minute: int = 0) -> None:
        """What happens in a session."""
        records = []
        for event in said:
            self.offset += 1
            record = EventRecord(
                id=f"0-{self.offset}-1",
                source="tests",
                type=type_of(type(event)),
                subject=f"session/{session}",
                time=f"2026-01-01T12:{minute:02}:00.000Z",
                sequence=self.offset,
                term=1,
                data=raw(event),
            )
            records.append(self.vault.seal(record, event, keyid))
            self.drafts.fold(records[-1], 0, self.offset)
        self.drafts.commit({})
        self.shredding.on_events(records)

    def train(self, session: str, folder: Path) -> str:
        """Open a session with a trained model; return the name of its folder."""
        folder.mkdir(exist_ok=True)
        (folder / "model.skops").write_bytes(b"model")
        model, keyid = self.artifacts.put_folder(folder), key_for(self.vault, session)
        done = samples.training_completed("t1", artifact=model)
        said = (events.SessionOpened("x"), samples.training_requested("t1"), done)
        self.tell(session, *said, keyid=keyid)
        return model.stored

    def look(self, now: float = 0.0) -> None:
        self.ring.catch_up()
        self.shredding.shred_keys()
        self.ring.catch_up()
        self.shredding.delete_folders(now)

    def stop(self) -> None:
        self.ring.stop()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    log = MemoryLog()
    log.create([TOPICS.commands])
    with vault_of(log) as vault:
        place = Place(vault, log, tmp_path)
        yield place
        place.stop()


def keys(place: Place) -> set[str]:
    """The sessions that have a key."""
    place.vault.catch_up()
    return {session for session in (A, B, C) if place.vault.of_session(session)}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end[-1]).__name__)
def test_the_key_and_the_models_of_what_is_not_kept_are_gone(place, tmp_path, end):
    gone, kept = place.train(A, tmp_path / "model"), place.train(B, tmp_path / "model")
    place.look()
    assert keys(place) == {A, B}
    place.tell(A, *end)
    place.look()
    assert keys(place) == {B}
    assert not place.artifacts.folder_exists(gone)
    assert place.artifacts.folder_exists(kept)
    place.look()
    assert not place.shredding.lost


def test_an_experiment_is_kept(place, tmp_path):
    folder = place.train(A, tmp_path / "model")
    place.tell(A, events.SessionCommitted(("t1",)))
    place.look()
    assert keys(place) == {A}
    assert place.artifacts.folder_exists(folder)


def away(_: str) -> bool:
    raise OSError("the store does not answer")


@pytest.mark.parametrize("again", [Place.start, lambda _: None], ids=["restart", "same"])
def test_the_key_goes_though_the_store_is_away_and_the_model_later(
    place, tmp_path, again: Callable[[Place], None]
):
    folder = place.train(A, tmp_path / "model")
    there = place.shredding.artifacts.delete_folder
    place.shredding.artifacts.delete_folder = away  # type: ignore[method-assign]
    place.tell(A, events.SessionDiscarded())
    place.look()
    assert keys(place) == set()
    assert place.artifacts.folder_exists(folder)
    assert place.shredding.overdue(0.0, 60.0) == (0, 0)
    assert place.shredding.overdue(OVERDUE + 1, 60.0)[1] == 1
    place.shredding.artifacts.delete_folder = there  # type: ignore[method-assign]
    again(place)
    place.look(now=FIRST_PAUSE)
    assert not place.artifacts.folder_exists(folder)
    assert not place.shredding.failing
    assert not list(place.drafts.doomed(b""))


def test_a_folder_is_tried_again_after_longer_and_longer_pauses(place, tmp_path):
    tried = []

    def counted(_: str) -> bool:
        tried.append(now)
        raise PermissionError("the folder is not ours")

    place.train(A, tmp_path / "model")
    place.shredding.artifacts.delete_folder = counted  # type: ignore[method-assign]
    place.tell(A, events.SessionDiscarded())
    for now in range(3600):
        place.shredding.delete_folders(float(now))
    assert tried[:4] == [0, 2, 6, 14]
    assert 10 < len(tried) < 20


def test_while_the_store_fails_only_so_many_folders_are_tried(place):
    tried = []

    def fail(folder: str) -> bool:
        tried.append(folder)
        raise OSError("the store does not answer")

    place.shredding.artifacts.delete_folder = fail  # type: ignore[method-assign]
    place.store.write({key("doomed", A, f"{n:05}"): b"{}" for n in range(3 * MOST_FAILING)})
    for _ in range(3 * MOST_FAILING // ROUND + 1):
        place.shredding.delete_folders(0.0)
    assert len(tried) == MOST_FAILING
    assert place.shredding.overdue(OVERDUE + 1, 60.0) == (0, MOST_FAILING)


def test_keys_that_are_not_shredded_in_time_are_overdue(place):
    def fail(_: str) -> None:
        raise LogError("Kafka does not answer")

    place.tell(A, events.SessionOpened("x"), keyid=key_for(place.vault, A))
    place.tell(A, events.SessionDiscarded())
    place.ring.shred = fail  # type: ignore[method-assign]
    place.look()
    assert place.shredding.overdue(time.monotonic(), 60.0) == (0, 0)
    assert place.shredding.overdue(time.monotonic() + 61, 60.0) == (1, 0)


def test_after_a_start_only_what_has_a_key_or_may_expire_is_looked_at(place):
    for session, expires in ((A, 600), (B, 0), (C, 600)):
        place.tell(session, events.SessionOpened("x", expires), keyid=key_for(place.vault, session))
    for session in (B, C):
        place.tell(session, events.SessionDiscarded())
    place.look()
    looked = []
    asked = KeyShredder.note
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeyShredder, "note", lambda s, one: (looked.append(one), asked(s, one)))
        place.start()
    assert set(looked) == {A}
    assert set(place.shredding.expiring) == {A}


def test_a_key_that_comes_late_is_shredded_too(place):
    place.tell(
        A, events.SessionOpened("x"), events.SessionDiscarded(), keyid=key_for(place.vault, A)
    )
    place.look()
    place.look()
    assert keys(place) == set()
    key_for(place.vault, A)
    place.ring.catch_up()
    place.look()
    assert keys(place) == set()


def test_a_key_that_comes_while_the_last_one_is_looked_for_is_shredded(place):
    place.tell(A, events.SessionOpened("x"), events.SessionDiscarded())
    asked = place.ring.of_session

    def meanwhile(session: str) -> list[str]:
        found = asked(session)
        place.ring.of_session = asked  # type: ignore[method-assign]
        made(place.vault.ring, session)
        place.ring.catch_up()
        return found

    place.ring.of_session = meanwhile  # type: ignore[method-assign]
    place.look()
    place.look()
    assert keys(place) == set()


def test_a_session_that_cannot_be_shredded_holds_up_no_other(place, tmp_path):
    stuck, gone = place.train(A, tmp_path / "model"), place.train(B, tmp_path / "model")
    deleted = place.shredding.artifacts.delete_folder

    def fail(folder: str) -> bool:
        if folder == stuck:
            raise PermissionError("the folder is not ours")
        return deleted(folder)

    place.shredding.artifacts.delete_folder = fail  # type: ignore[method-assign]
    for session in (A, B):
        place.tell(session, events.SessionDiscarded())
    place.look()
    assert keys(place) == set()
    assert not place.artifacts.folder_exists(gone)
    assert place.artifacts.folder_exists(stuck)
    place.shredding.artifacts.delete_folder = deleted  # type: ignore[method-assign]
    place.look(now=FIRST_PAUSE)
    assert not place.artifacts.folder_exists(stuck)


def test_all_keys_of_a_session_are_shredded(place):
    made(place.vault.ring, A)
    place.tell(A, events.SessionOpened("x"), keyid=key_for(place.vault, A))
    made(place.vault.ring, A)
    place.tell(A, events.SessionDiscarded())
    place.look()
    assert keys(place) == set()


def test_after_a_shredding_segments_are_closed(place):
    place.look()
    place.shredding.rolls = []
    place.tell(A, events.SessionOpened("x"), keyid=key_for(place.vault, A))
    place.tell(A, events.SessionDiscarded())
    place.look()
    due = sorted(place.shredding.rolls)
    assert len(due) >= 2, "twice, after the segment's time"
    place.shredding.rolls = [0.0]
    place.look()
    lying = place.log.topics[TOPICS.keys.name][0]
    assert lying[-1].key == b"roll"
    assert not place.shredding.rolls


# Expiry


def expiries(place: Place) -> list[tuple[str, ExpireSession | ProposeExpiry]]:
    """What was asked of which session."""
    found = []
    for partition in place.log.topics[TOPICS.commands.name]:
        for record in (decode_command(message.value) for message in partition):
            command = command_of(record)
            assert isinstance(command, ExpireSession | ProposeExpiry)
            found.append((record.subject.partition("/")[2], command))
    return found


def test_a_session_is_said_to_expire_when_it_was_not_used_and_does_after_the_grace(place):
    until = "2026-01-02T12:10:00.000Z"
    for session, seconds in ((A, 600), (B, 72 * 3600), (C, 0)):
        place.tell(session, events.SessionOpened("x", seconds), keyid=key_for(place.vault, session))
    place.shredding.expire(NOON + 9 * MINUTE)
    assert expiries(place) == []
    place.shredding.expire(NOON + 10 * MINUTE)
    place.shredding.expire(NOON + 10 * MINUTE + 1000)
    assert expiries(place) == [(A, ProposeExpiry(0, until))], "once a minute is enough"
    place.tell(A, events.SessionExpiring(until), minute=10)
    place.shredding.expire(NOON + 23 * 60 * MINUTE)
    assert len(expiries(place)) == 1
    place.start()
    place.shredding.expire(NOON + DAY + 10 * MINUTE)
    assert expiries(place)[1:] == [(A, ExpireSession(0, until))]
    place.tell(A, events.SessionExpired(), minute=20)
    place.shredding.expire(NOON + DAY + 30 * MINUTE)
    assert len(expiries(place)) == 2


def test_who_keeps_a_session_has_all_its_time_again(place):
    place.tell(A, events.SessionOpened("x", 600), keyid=key_for(place.vault, A))
    place.tell(A, events.SessionExpiring("2026-01-01T12:20:00.000Z"), minute=10)
    place.tell(A, events.SessionKept(), minute=15)
    place.shredding.expire(NOON + 24 * MINUTE)
    assert expiries(place) == []
    place.shredding.expire(NOON + 25 * MINUTE)
    assert isinstance(expiries(place)[0][1], ProposeExpiry)


def test_use_puts_it_off_and_a_run_that_goes_on_even_more(place):
    keyid = key_for(place.vault, A)
    place.tell(A, events.SessionOpened("x", 600), keyid=keyid)
    place.tell(A, samples.training_requested("t1"), keyid=keyid, minute=5)
    place.shredding.expire(NOON + 40 * MINUTE)
    assert expiries(place) == [], "it is at work"
    failed = events.RunFailed("t1", 1, "w1", "raised", "…")
    place.tell(A, failed, keyid=keyid, minute=41)
    place.tell(A, events.Refused("run-unknown", "…"), minute=45)
    place.shredding.expire(NOON + 50 * MINUTE)
    assert expiries(place) == []
    place.shredding.expire(NOON + 51 * MINUTE)
    assert [c.runs for _, c in expiries(place)] == [1], "a refusal is no use"


def test_what_was_committed_does_not_expire(place):
    place.tell(A, events.SessionOpened("x", 60), keyid=key_for(place.vault, A))
    place.tell(A, events.SessionCommitted(("t1",)))
    place.start()
    place.shredding.expire(NOON + 60 * MINUTE)
    assert expiries(place) == []


def test_a_model_may_keep_its_predictions_shorter_than_the_setting(place: Place):
    months = [f"model/{name}/2026-01" for name in ("pets", "wine")]
    for month in months:
        place.vault.make(month, lambda *_: None)
    registered = samples.version_registered()
    for at, (name, event) in enumerate(
        [("pets", registered), ("wine", registered), ("pets", events.RecordingSet("fast", 90))]
    ):
        record = EventRecord(
            id=f"0-{at}-1",
            source="tests",
            type=type_of(type(event)),
            subject=f"model/{name}",
            time="2026-01-01T12:00:00.000Z",
            sequence=at + 1,
            term=1,
            data=raw(event),
        )
        place.drafts.fold(record, 0, at)
    place.drafts.commit({})
    february = NOON + 30.5 * DAY  # the first of it, 00:00
    kept = {90: months, 90.1: months[1:], 400: months[1:], 400.1: []}
    for days, left in kept.items():
        place.shredding.end_months(february + days * DAY)
        place.look()
        assert [one for one in place.ring.owners() if one in months] == left, days

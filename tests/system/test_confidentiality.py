"""The whole system with encryption: what was said is nowhere, and once shredded it is gone."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.errors import Problem
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.encryption.keyring import KeyRing
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.projections.rebuild.rebuild import rebuild
from autolearn.schemas.codec import decode_command, decode_event
from autolearn.schemas.topics import Topics
from autolearn.security.data_key import Unreadable
from autolearn.security.master_keys import master_keys
from tests.support.cli_processes import run_tool
from tests.support.running_system import RunningSystem, running_system
from tests.support.waiting import until

TITLE, DEPTH = "canary-title-4711", 8_470_129
WITHIN = 30.0
pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("confidential")


@pytest.fixture(scope="module")
def system(place: Path) -> Iterator[RunningSystem]:
    with (
        EmbeddedBroker(install(), place / "kafka") as broker,
        running_system(
            broker.bootstrap,
            place / "home",
            shred_within=WITHIN,
            checkpoint_interval=1.0,
            expiry_grace=2.0,
        ) as system,
    ):
        yield system


@pytest.fixture(scope="module")
def log(system: RunningSystem) -> Iterator[KafkaLog]:
    log = KafkaLog(system.settings.kafka.brokers)
    yield log
    log.close()


def work(client: AutoLearn) -> Any:
    """A session with a training that has completed, and its evaluation."""
    session = client.sessions.open(TITLE)
    about = {"hyperparameters": {"max_depth": DEPTH}, "wait": 60}
    training = session.train("decision-tree", "iris", **about)
    assert training.status == "completed", training.detail
    evaluation = session.evaluate(training.id, wait=60)
    assert evaluation.status == "completed", evaluation.detail
    return session, training, evaluation


def values(log: KafkaLog, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    """Every record of a topic that there is now."""
    ends, found = log.ends(topic), []
    reader = log.reader(topic, log.begins(topic))
    left = {p for p, end in ends.items() if end > log.begins(topic)[p]}
    quiet = 0
    while left and quiet < 5:
        messages = reader.read(1000, 0.5)
        quiet = 0 if messages else quiet + 1
        for message in messages:
            found.append((message.key, message.value))
            if message.offset + 1 >= ends[message.partition]:
                left.discard(message.partition)
    reader.close()
    return found


def holding(
    needles: dict[str, bytes], folder: Path, files: Iterable[str] | None = None
) -> dict[str, list[str]]:
    """In which files of a folder each needle is, as it is, in base64 and in hexadecimal digits."""
    found: dict[str, list[str]] = {name: [] for name in needles}
    for path in folder.rglob("*") if files is None else map(Path, files):
        try:
            content = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            continue
        for name, needle in needles.items():
            forms = (needle, base64.b64encode(needle).rstrip(b"="), needle.hex().encode())
            if any(form in content for form in forms):
                found[name].append(str(path))
    return found


def vanished(needles: dict[str, bytes], folder: Path, within: float) -> bool:
    """Wait until no file of the folder has a needle.

    While a file that had one has it still, no other is read.
    """
    last = time.monotonic() + within
    while any((held := holding(needles, folder)).values()):
        files = set(chain.from_iterable(held.values()))
        while any(holding(needles, folder, files).values()):
            if time.monotonic() > last:
                return False
            time.sleep(0.5)
    return True


def test_what_is_said_is_on_no_topic_and_in_no_file(system, log, place):
    session, training, evaluation = work(system.client)
    assert session.content().title == TITLE
    assert session.training(training.id).hyperparameters == {"max_depth": DEPTH}
    assert evaluation.results["accuracy"] > 0.8
    assert session.training(training.id).download(place.parent / "downloaded").digest
    needles = {"title": TITLE.encode(), "depth": str(DEPTH).encode()}
    topics = Topics.of(system.settings)
    lying = [v or b"" for t in topics.all() for _, v in values(log, t.name)]
    assert not [value for value in lying if any(n in value for n in needles.values())]
    assert holding(needles, place) == {"title": [], "depth": []}
    events = system.client.events(session=session.id, limit=1000).items
    told = {event["type"].split(".")[1]: event.get("data") for event in events}
    assert told["SessionOpened"]["title"] == TITLE
    assert told["TrainingRequested"]["hyperparameters"] == {"max_depth": DEPTH}


def test_what_was_shredded_is_nowhere_also_for_who_has_the_master_key(system, log, place):
    settings, topics = system.settings, Topics.of(system.settings)
    masters = master_keys(settings.encryption, place / "home")
    session, training, _ = work(system.client)
    wrapped = keys_on(log, topics)
    keyid = next(one for one in wrapped if one.startswith(session.id))
    found = base64.b64decode(json.loads(wrapped[keyid])["key"])
    needles = {
        "title": TITLE.encode(),
        "depth": str(DEPTH).encode(),
        "key": masters.present.unwrap(found),
        "wrapped key": found,
    }
    assert holding({"wrapped key": found}, place / "kafka")["wrapped key"], "it can be found"
    stored = training.artifact.stored
    folder = place / "home" / "artifacts" / "models" / stored
    assert folder.exists()
    position = system.client.position().token

    began = time.monotonic()
    session.discard()
    until(lambda: not folder.exists(), 20)
    assert vanished(needles, place, WITHIN + 10), holding(needles, place)
    took = time.monotonic() - began
    print(f"gone after {took:.1f} s")
    assert took < WITHIN

    # Whoever has the master key, and all that is on the topics, reads nothing of it.
    thief = SessionCipher(KeyRing(log, topics.keys.name, masters))
    thief.start()
    thief.catch_up()
    mine = [v for topic in (topics.commands, topics.events) for k, v in values(log, topic.name)
            if k == f"session/{session.id}".encode()]  # fmt: skip
    sealed = 0
    for value in mine:
        decode = decode_event if b'"sequence":' in value else decode_command
        record = decode(value)
        if record.data_base64:
            sealed += 1
            with pytest.raises(Unreadable):
                thief.open(record)
            for other in thief.ring.all():
                with pytest.raises(Unreadable):
                    thief.ring.get(other).open_text(record.data_base64, b"")
    assert sealed >= 10
    thief.stop()

    # Everything else goes on.
    with pytest.raises(Problem) as problem:
        session.content()
    assert problem.value.status == 410
    with pytest.raises(Problem) as problem:
        session.content(as_of=position)
    assert (problem.value.status, problem.value.kind) == (410, "unreadable")
    told = system.client.events(session=session.id, limit=1000).items
    withheld = {event["type"] for event in told if event.get("withheld") == "shredded"}
    assert "autolearn.TrainingRequested.v1" in withheld
    assert not [event for event in told if event.get("withheld") and event["data"]]


def test_what_is_asked_of_a_session_that_has_ended_is_not_on_the_log(system, log):
    session, depth = system.client.sessions.open("short"), 6_203_771
    topics = Topics.of(system.settings)
    session.discard()
    keyid = f"{session.id}.".encode()
    until(lambda: [1 for k, v in values(log, topics.keys.name) if k.startswith(keyid) and not v])
    for wait in (0, 2):  # the API has read the tombstone, at the latest by the second time
        time.sleep(wait)
        with pytest.raises(Problem) as told:
            session.train("decision-tree", "iris", hyperparameters={"max_depth": depth})
        assert told.value.kind == "session-discarded"
    lying = [value or b"" for _, value in values(log, topics.commands.name)]
    assert not [value for value in lying if str(depth).encode() in value]


def test_an_experiment_that_is_deleted_is_shredded_too(system, log):
    client, topics = system.client, Topics.of(system.settings)
    session, training, _ = work(client)
    kept = session.commit()
    assert (kept.title, [one.name for one in kept.training_data]) == (TITLE, ["iris"])
    position = client.position().token
    assert kept.delete().id == kept.id
    for call in (kept.refresh, kept.delete):
        with pytest.raises(Problem) as problem:
            call()
        assert problem.value.kind in ("experiment-deleted", "session-deleted")
    store = ArtifactStore((system.system.home / "artifacts").as_uri())
    until(lambda: not store.folder_exists(training.artifact.stored), seconds=20)
    until(lambda: f"{kept.id}".encode() in tombs(values(log, topics.keys.name)), seconds=20)
    then = client.experiments.list(as_of=position)
    assert [(one.id, one.title) for one in then if one.id == kept.id] == [(kept.id, "")]
    assert kept.id not in [one.id for one in client.experiments.list()]


def tombs(records: list[tuple[bytes | None, bytes | None]]) -> set[bytes]:
    """The sessions whose newest record on `keys` is a tombstone."""
    newest = {(key or b"").partition(b".")[0]: value for key, value in records}
    return {session for session, value in newest.items() if value is None}


def test_a_session_that_is_not_used_expires(system, log):
    client = system.client
    session = client.sessions.open(TITLE, expires=2 / 86_400)
    assert session.content().expires == 2

    def expired() -> bool:
        try:
            session.content()
        except Problem as problem:
            return (problem.status, problem.kind) == (410, "session-expired")
        return False

    until(expired, seconds=20)
    named = [event["type"].split(".")[1] for event in client.events(session=session.id).items]
    assert named == ["SessionOpened", "SessionExpiring", "SessionExpired"]
    keys = Topics.of(system.settings).keys.name
    until(lambda: session.id.encode() in tombs(values(log, keys)), seconds=20)


def test_without_a_key_the_rebuild_is_the_same(system, log, tmp_path):
    """The rows are the same whatever can be read of them, and so is the chain."""
    events = Topics.of(system.settings).events.name
    goal = log.ends(events)
    found = rebuild(log, events, tmp_path / "views", goal, lambda *_: None).digests
    until(lambda: system.client.digests().views == found, seconds=20)
    said = tool(system, "autolearn.operations.chain", "verify")
    assert said["unbroken"], said


@pytest.mark.long
def test_another_master_key_and_everything_is_read_as_before(system, log):
    client, topics = system.client, Topics.of(system.settings)
    session, training, _ = work(client)
    events = log.ends(topics.events.name)
    before = keys_on(log, topics)
    done = tool(system, "autolearn.operations.rotate_master_key")
    assert done["rewrapped"] == len(before)
    assert done["unreadable"] == 0
    assert log.ends(topics.events.name) == events
    after = keys_on(log, topics)
    assert {json.loads(value)["master"] for value in after.values()} == {done["master"]}
    assert set(after) == set(before)
    assert session.training(training.id).hyperparameters == {"max_depth": DEPTH}
    again = session.train("decision-tree", "iris", hyperparameters={"max_depth": 3}, wait=60)
    assert again.status == "completed"
    forgotten = tool(system, "autolearn.operations.rotate_master_key", "--forget-old")
    assert forgotten["master"] == done["master"]
    assert forgotten["known"] == []
    _, later, _ = work(client)
    assert later.status == "completed"


def keys_on(log: KafkaLog, topics: Topics) -> dict[str, bytes]:
    """The keys that there are, as they are wrapped now."""
    newest = {(k or b"").decode(): v for k, v in values(log, topics.keys.name)}
    return {k: v for k, v in newest.items() if v is not None and k != "roll"}


def tool(system: RunningSystem, module: str, *words: str) -> dict[str, Any]:
    """Run one of our tools on the system, and return its result."""
    done = run_tool(module, *words, given=system.system.environment())
    assert done.code == 0, done.err
    return done.result

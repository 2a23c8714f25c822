"""What nothing refers to is collected after a day, and nothing else."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from msgspec.structs import replace

from autolearn.agents.supervision.agent import SuperviseAgent
from autolearn.agents.supervision.artifact_collector import AGE, Collector
from autolearn.agents.supervision.broker_clock import BrokerClock, steady
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.eventlog.positions import log_id
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.work.artifact_referrers import REFERRERS, reference_of
from autolearn.projections.work.session_retention import SessionRetention
from autolearn.runtime.meter import Meter
from autolearn.schemas import events
from autolearn.schemas.bounds import ROWS_SECONDS
from autolearn.schemas.codec import EventRecord, encode, raw
from autolearn.schemas.confidentiality import clear_part, outline_of
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import ATTACHED, AttachedFile, StreamId, TrainedArtifact
from tests.support import samples
from tests.support.settings import settings_of

TOPICS = Topics.of(settings_of(partitions=1))
EVENTS = TOPICS.events.name
LATER = time.time() + AGE + 7200


class World:
    """A store of artifacts, a log that refers to some of them, and who collects the others."""

    def __init__(self, folder: Path, said_by: str = "tests") -> None:
        self.root = folder / "store"
        self.artifacts = ArtifactStore(self.root.as_uri())
        self.log = MemoryLog()
        self.log.create(TOPICS.all())
        self.drafts = SessionRetention(MemoryStore())
        self.committed: dict[int, int] = {}
        self.collector = Collector(
            self.log,
            TOPICS,
            self.drafts,
            self.artifacts,
            Meter("supervise"),
            lambda: self.committed,
        )
        self.count, self.last = 0, -1
        self.tell("partition/0", events.TermStarted(said_by))

    def tell(self, stream: str, event: Event) -> None:
        """What is said on the log, and folded."""
        self.write(stream, event)
        self.drafts.commit({0: PartitionProgress(next=self.count, last=self.last)})

    def ask(self, age: float) -> None:
        """A command of so many seconds ago."""
        at = int((time.time() - age) * 1000)
        self.log.append(TOPICS.commands.name, b"", key="x", time=at)

    def write(self, stream: str, event: Event) -> None:
        self.count += 1
        record = EventRecord(
            id=f"0-{self.count}-1",
            source="tests",
            type=type_of(type(event)),
            subject=stream,
            time="2026-01-01T00:00:00.000Z",
            sequence=self.count,
            term=1,
            data=raw(event),
        )
        self.log.append(EVENTS, encode(record), key=stream)
        self.drafts.fold(record, 0, self.count)

    def model(self, folder: Path, content: bytes = b"model"):
        folder.mkdir(exist_ok=True)
        (folder / "model.skops").write_bytes(content)
        return self.artifacts.put_folder(folder)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    return World(tmp_path)


def registered(digest: str, name: str = "flowers", **more: str) -> events.DatasetRegistered:
    return events.DatasetRegistered(replace(samples.FLOWERS, name=name, version=digest, **more))


def test_what_is_referred_to_stays_and_the_rest_goes_after_a_day(world: World, tmp_path: Path):
    kept, sealed, lost = (world.artifacts.put_blob([c]).digest for c in (b"a", b"b", b"c"))
    world.tell("dataset/flowers", registered(kept))
    world.tell("dataset/flowers", registered("9" * 64, stored=sealed))
    trained, late = (world.model(tmp_path / "m", c) for c in (b"x", b"y"))
    world.tell(samples.SESSION, events.SessionOpened("x"))
    world.tell(samples.SESSION, samples.training_completed("t1", artifact=trained))
    assert world.artifacts.mark(log_id(world.log, EVENTS))
    os.utime(world.root / "owner", (1, 1))
    assert world.collector.collect(time.time() + AGE - 60) == (0, 0), "a day is not over"
    assert world.collector.collect(LATER) == (2, 1 + late.bytes)
    assert set(world.artifacts.blobs()) == {kept, sealed}
    assert set(world.artifacts.folders()) == {trained.digest}
    assert lost not in world.artifacts.blobs()


def test_sent_rows_and_predictions_go_within_a_day_whatever_refers_to_them(
    world: World, tmp_path: Path
):
    passing, predicted = world.artifacts.passing(), tmp_path / "p"
    predicted.mkdir()
    (predicted / "rows.csv").write_bytes(b"a")
    folder, blob = passing.put_folder(predicted), passing.put_blob([b"a"])
    kept = world.artifacts.put_blob([b"a"]).digest
    world.tell("dataset/flowers", registered(kept))
    world.tell(samples.SESSION, events.SessionOpened("x"))
    world.tell(samples.SESSION, samples.prediction_completed("p1", output=folder))
    world.ask(age=AGE)  # nothing else may be collected before it is decided
    assert world.artifacts.mark(log_id(world.log, EVENTS))
    os.utime(world.root / "owner", (1, 1))
    world.collector.collect_passing(time.time() + ROWS_SECONDS - 60)
    assert (passing.exists(blob.digest), passing.folder_exists(folder.folder)) == (True, True)
    world.collector.round(0.0, time.time() + ROWS_SECONDS + 60)
    assert (passing.exists(blob.digest), passing.folder_exists(folder.folder)) == (False, False)
    assert set(world.artifacts.blobs()) == {kept}


def test_what_several_refer_to_stays_until_the_last_is_gone(world: World, tmp_path: Path):
    model = world.model(tmp_path / "m")
    for session in (samples.SESSION, samples.OTHER_SESSION):
        world.tell(session, events.SessionOpened("x"))
        world.tell(session, samples.training_completed("t1", artifact=model))
    digest = world.artifacts.put_blob([b"a"]).digest
    for name in ("one", "two"):
        world.tell(f"dataset/{name}", registered(digest, name))
    world.tell(samples.SESSION, events.SessionDiscarded())
    world.tell("dataset/one", events.DatasetDeleted())
    assert world.collector.collect(LATER).artifacts == 0
    world.tell(samples.OTHER_SESSION, events.SessionDiscarded())
    world.tell("dataset/two", events.DatasetDeleted())
    assert world.collector.collect(LATER).artifacts == 2


def test_nothing_is_collected_while_events_are_not_read(world: World):
    digest = world.artifacts.put_blob([b"a"]).digest
    world.write("dataset/flowers", registered(digest))
    assert world.collector.collect(LATER) is None
    world.drafts.commit({0: PartitionProgress(next=world.count)})
    assert world.collector.collect(LATER).artifacts == 0
    assert set(world.artifacts.blobs()) == {digest}


def test_nothing_is_collected_while_an_old_command_is_not_decided(world: World):
    digest = world.artifacts.put_blob([b"a"]).digest
    world.ask(age=AGE)
    world.ask(age=-AGE)  # it is not old by then: what it refers to is younger
    assert world.collector.collect(LATER) is None
    world.tell("dataset/flowers", registered("9" * 64))
    assert world.collector.collect(LATER) is None, "something else was answered"
    world.last = 0
    world.tell("dataset/flowers", registered(digest))
    assert world.collector.collect(LATER) == (0, 0)
    assert set(world.artifacts.blobs()) == {digest}


def test_what_deciders_pass_over_or_is_gone_is_not_waited_for(world: World):
    world.artifacts.put_blob([b"a"])
    world.last = 0
    world.tell("dataset/flowers", registered("9" * 64))
    world.ask(age=AGE)
    world.ask(age=AGE)
    world.committed = {0: 1}
    assert world.collector.collect(LATER) is None
    world.committed = {0: 2}  # the second was a dead letter, or sent twice
    assert world.collector.collect(LATER) == (1, 1)
    world.artifacts.put_blob([b"a"])
    world.committed = {}
    assert world.collector.collect(LATER) is None
    world.log.delete_before(TOPICS.commands.name, {0: 2})
    assert world.collector.collect(LATER) == (1, 1)


def test_nothing_is_collected_while_the_clock_is_in_doubt():
    agent = object.__new__(SuperviseAgent)  # there is no need of a Faust application
    agent.clock = BrokerClock(AGE)
    collector = agent.collector = mock.Mock(spec=Collector)

    def rounds(ahead: float) -> int:
        agent.clock.compare(time.time() + ahead, time.time(), time.time(), steady())
        asyncio.run(agent.collect(0.0))
        return int(collector.round.call_count)

    asyncio.run(agent.collect(0.0))
    assert collector.round.call_count == 0, "the clocks were not compared yet"
    assert rounds(ahead=3600) == 0
    assert rounds(ahead=0) == 1


def test_what_is_put_again_is_as_new(world: World, tmp_path: Path):
    digest, model = world.artifacts.put_blob([b"a"]).digest, world.model(tmp_path / "m")
    for path in world.root.rglob("*"):
        os.utime(path, (1, 1))
    world.artifacts.put_blob([b"a"])
    world.model(tmp_path / "m")
    assert world.artifacts.mark(log_id(world.log, EVENTS))
    os.utime(world.root / "owner", (1, 1))
    assert world.collector.collect(time.time()) == (0, 0)
    assert (set(world.artifacts.blobs()), set(world.artifacts.folders())) == (
        {digest},
        {model.digest},
    )


def test_what_is_put_again_while_a_round_goes_on_is_as_new(world: World, tmp_path: Path):
    def put() -> tuple[str, str]:
        return world.artifacts.put_blob([b"a"]).digest, world.model(tmp_path / "m").digest

    digest, folder = put()
    assert world.artifacts.mark(log_id(world.log, EVENTS))
    for path in world.root.rglob("*"):
        os.utime(path, (1, 1))
    refers = world.drafts.refers
    with mock.patch.object(world.drafts, "refers", lambda *one: put() and refers(*one)):
        assert world.collector.collect(time.time()) == (0, 0)
    assert world.artifacts.exists(digest)
    assert world.artifacts.folder_exists(folder)
    for path in world.root.rglob("*"):
        os.utime(path, (1, 1))
    (world.root / "models" / folder / "manifest.json").unlink()  # it was half deleted
    assert world.collector.collect(time.time()).artifacts == 2
    assert not world.artifacts.exists(digest)


def test_what_is_of_no_known_kind_is_never_touched(world: World):
    others = [
        world.root / "batches" / "aa" / ("a" * 64),
        world.root / "datasets" / "aa" / "notes.txt",
        world.root / "datasets" / ("b" * 64),
        world.root / "models" / "not-a-digest" / "model.skops",
    ]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (1, 1))
    assert world.collector.collect(LATER).artifacts == 0
    assert all(path.is_file() for path in others)
    assert set(REFERRERS) == {"datasets", "models"}


def test_an_attached_file_is_referred_to_as_its_sealed_event_says():
    artifact = TrainedArtifact("d" * 64, {ATTACHED: "e" * 64}, 9, stored="f" * 64)
    event = events.SessionAnnotated(
        "t1", file=AttachedFile("roc.svg", "image/svg+xml", 9, artifact)
    )
    sealed = EventRecord(
        id="1",
        source="",
        type=type_of(events.SessionAnnotated),
        subject=StreamId(samples.SESSION),
        time="",
        sequence=1,
        term=1,
        keyid="k",
        data_base64="",
        **clear_part(event),
    )
    assert reference_of(outline_of(sealed)) == ("models", "f" * 64, True)
    assert reference_of(events.SessionAnnotated("t1", "a note")) is None
    imported = samples.training_imported()
    assert reference_of(imported) == ("models", imported.result.artifact.folder, False)


def test_an_imported_version_keeps_its_artifact_until_the_model_is_deleted(
    world: World, tmp_path: Path
):
    """Also where only the part in clear of its event can be read."""
    kept, other = (world.model(tmp_path / "m", content) for content in (b"x", b"y"))
    world.tell("model/flowers", samples.version_imported(artifact=kept))
    world.tell("model/flowers", samples.version_registered(2))
    assert world.collector.collect(LATER) == (1, other.bytes)
    world.tell("model/flowers", events.ModelDeleted())
    assert world.collector.collect(LATER) == (1, kept.bytes)
    event = samples.version_imported(artifact=replace(kept, stored="f" * 64))
    sealed = EventRecord(
        id="1",
        source="",
        type=type_of(events.VersionRegistered),
        subject=StreamId("model/flowers"),
        time="",
        sequence=1,
        term=1,
        keyid="k",
        data_base64="",
        **clear_part(event),
    )
    assert reference_of(outline_of(sealed)) == ("models", "f" * 64, True)


def test_the_store_of_another_log_is_left_alone(world: World, tmp_path: Path):
    world.artifacts.put_blob([b"a"])
    assert world.artifacts.mark("0123456789abcdef").name == "0123456789abcdef"
    assert world.collector.collect(LATER) is None
    assert world.collector.refused == "0123456789abcdef"
    (world.root / "owner").unlink()
    assert world.collector.collect(LATER) == (1, 1)
    assert world.collector.refused == ""


def test_a_store_is_marked_before_anything_is_lost_and_for_a_day(world: World, tmp_path: Path):
    digest = world.artifacts.put_blob([b"a"]).digest
    world.tell("dataset/flowers", registered(digest))
    assert world.collector.collect(time.time()) is None
    other = World(tmp_path, "another log")
    assert other.collector.collect(LATER) is None
    assert other.collector.refused == log_id(world.log, EVENTS) != ""
    assert set(world.artifacts.blobs()) == {digest}


@pytest.mark.parametrize("mark", [None, b""])
def test_a_store_that_nobody_has_marked_keeps_everything_for_a_day(
    world: World, mark: bytes | None
):
    digest = world.artifacts.put_blob([b"a"]).digest
    for path in world.root.rglob("*"):
        os.utime(path, (1, 1))
    if mark is not None:
        (world.root / "owner").write_bytes(mark)
    world.collector.round(0.0, time.time())
    assert set(world.artifacts.blobs()) == {digest}
    assert world.artifacts.mark("x").name == log_id(world.log, EVENTS)
    world.collector.round(59.0, LATER)
    assert set(world.artifacts.blobs()) == {digest}, "it is not time yet"
    world.collector.round(60.0, LATER)
    assert not world.artifacts.blobs()


def test_a_log_without_a_record_has_no_store(world: World):
    world.artifacts.put_blob([b"a"])
    world.log.topics[EVENTS] = [[]]
    assert world.collector.collect(LATER) is None
    assert not (world.root / "owner").exists()
    assert len(world.artifacts.blobs()) == 1


def test_a_round_over_a_store_that_cannot_be_reached_ends_nothing(world: World):
    class EndpointConnectionError(Exception):
        """As botocore has it: no OSError."""

    digest = world.artifacts.put_blob([b"a"]).digest
    with mock.patch.object(ArtifactStore, "contents", side_effect=EndpointConnectionError("no")):
        world.collector.round(0.0, LATER)
    world.collector.round(3599.0, LATER)
    assert set(world.artifacts.blobs()) == {digest}, "it is not time yet"
    world.collector.round(3600.0, LATER)
    assert not world.artifacts.blobs()


def test_nothing_is_listed_while_events_are_not_read(world: World):
    world.write("dataset/flowers", registered("9" * 64))
    with mock.patch.object(ArtifactStore, "contents", side_effect=AssertionError):
        assert world.collector.collect(LATER) is None


def test_what_killed_processes_left_on_its_way_in_is_cleared(world: World):
    incoming = world.root / "incoming"
    with world.artifacts._incoming() as (path, _):
        mine = Path(path)
        gone = incoming / mine.name.replace(str(os.getpid()), "999999999", 1)
        other = incoming / f"{mine.name}-elsewhere"
        gone.mkdir()
        (gone / "model.skops").write_bytes(b"x")
        other.write_bytes(b"x")
        world.artifacts.clear_incoming()
        assert (mine.exists(), gone.exists(), other.exists()) == (True, False, True)
        world.collector.collect(LATER)
        assert not other.exists()

"""The replay tool as a process on a real broker: killed, resumed, and given what it cannot fold."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import Raw

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rebuild.rebuild import COMMIT
from autolearn.projections.rebuild.store_folders import ViewsPlace
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.views import digests_of
from autolearn.schemas.codec import EventRecord, encode
from tests.bench.history import EVENTS_OF_A_SESSION, history
from tests.bench.written_log import create, write
from tests.support import samples
from tests.support.cli_processes import Ended, run_tool
from tests.support.settings import variables_of

pytestmark = pytest.mark.kafka

PARTITIONS = 2


class Place(NamedTuple):
    """A log on the broker, and a home whose API process does not run."""

    kafka: str
    prefix: str
    home: Path

    @property
    def topic(self) -> str:
        return f"{self.prefix}.events"

    @property
    def views(self) -> ViewsPlace:
        return ViewsPlace(self.home / "state" / "api-0")

    def at(self, home: Path) -> Place:
        """The same log, with another home."""
        return self._replace(home=home)

    @property
    def environment(self) -> dict[str, str]:
        return variables_of(home=self.home, kafka=self.kafka, topic_prefix=self.prefix)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the tool."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith("AUTOLEARN_")}
        return subprocess.Popen(
            [sys.executable, "-m", "autolearn.operations.replay", *words],
            env=plain | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> Ended:
        """Run the tool to its end."""
        return run_tool("autolearn.operations.replay", *words, given=self.environment)

    def digests(self) -> dict[str, str]:
        """What is in use now."""
        store = RocksStore(self.views.used)
        try:
            return digests_of(store)
        finally:
            store.close()


def place(kafka: str, home: Path, sessions: int) -> Place:
    """A log with so many sessions."""
    found = Place(kafka, f"replay-{uuid.uuid4().hex[:8]}", home)
    create(kafka, PARTITIONS, found.topic)
    write(kafka, ((found.topic, record) for record in history(sessions, partitions=PARTITIONS)))
    return found


def append(to: Place, value: bytes) -> int:
    """Write a record to partition 1; return its offset."""
    log = KafkaLog(to.kafka)
    offset = log.ends(to.topic)[1]
    log.append(to.topic, value, key="x", partition=1)
    log.close()
    return offset


@pytest.fixture(scope="module")
def long(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A log that a rebuild stores in five steps."""
    sessions = 5 * COMMIT // EVENTS_OF_A_SESSION
    return place(kafka, tmp_path_factory.mktemp("long"), sessions)


@pytest.fixture
def short(kafka: str, tmp_path: Path) -> Place:
    return place(kafka, tmp_path, 20)


def progress(process: subprocess.Popen[str]) -> Iterator[int]:
    """How many records are folded, as the tool says it."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)["progress"]["done"]


def kill_after(process: subprocess.Popen[str], records: int) -> int:
    """Kill the tool once it has folded so many records more than it began with."""
    with process:
        began = next(done := progress(process))
        reached = next(count for count in done if count >= began + records)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return reached


@pytest.mark.long
def test_killed_again_and_again_it_comes_to_the_same(long: Place, tmp_path: Path):
    code, undisturbed, err = long.run("rebuild")
    assert (code, err, undisturbed["resumed_at"]) == (0, "", 0)
    killed = long.at(tmp_path / "home")
    used = killed.views.used
    for records in (COMMIT // 2, 2 * COMMIT, COMMIT):
        assert kill_after(killed.start("rebuild"), records) < undisturbed["records"]
        assert killed.views.used == used, "nothing is put in place before it is complete"
    code, resumed, err = killed.run("rebuild")
    assert (code, err) == (0, "")
    assert resumed["resumed_at"] >= COMMIT
    assert resumed["records"] == undisturbed["records"] - resumed["resumed_at"]
    assert resumed["digests"] == undisturbed["digests"] == killed.digests()
    assert killed.views.used != used


def test_a_damaged_folder_is_told_on_standard_error_alone(short: Place):
    code, before, _ = short.run("rebuild")
    assert code == 0
    shutil.copytree(short.views.used, short.views.spare())
    (short.views.spare() / "CURRENT").write_text("nonsense")
    with short.start("rebuild") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "rebuilt from the log" in err
    *_, last = map(json.loads, out.splitlines())
    assert last["result"]["digests"] == before["digests"]


# What it cannot fold


def next_record(to: Place, **fields: Any) -> EventRecord:
    """The event that would come next on partition 1, of which every reader must take notice."""
    store = RocksStore(to.views.used)
    at = Snapshot(store).rows.progress()[1]
    store.close()
    about: dict[str, Any] = {
        "id": "odd",
        "source": "tests",
        "type": "autolearn.SessionOpened.v1",
        "subject": samples.SESSION,
        "time": "2026-01-01T00:00:00Z",
        "sequence": 1,
        "causationid": "odd",
        "commandoffset": at.last + 1,
        "prev": at.last,
        "term": at.term,
    }
    return EventRecord(**(about | fields))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "autolearn.SessionHeld.v1"}, "'autolearn.SessionHeld.v1'"),
        ({"type": "autolearn.SessionOpened.v9"}, "'autolearn.SessionOpened.v9'"),
        (
            {"type": "autolearn.Refused.v1", "data": Raw(b'{"reason":7}')},
            "The data of the autolearn.Refused.v1",
        ),
    ],
    ids=["an unknown type", "a newer version", "other data"],
)
@pytest.mark.parametrize(
    "begun", [False, pytest.param(True, marks=pytest.mark.long)], ids=["from the start", "resumed"]
)
def test_what_cannot_be_folded_stops_it_and_changes_nothing(
    short: Place, fields: dict[str, Any], words: str, begun: bool
):
    assert short.run("rebuild")[0] == 0
    if begun:
        shutil.copytree(short.views.used, short.views.spare())
    used, before = short.views.used, short.digests()
    offset = append(short, encode(next_record(short, **fields)))
    for _ in range(2):
        code, result, err = short.run("rebuild")
        assert (code, result) == (5, {})
        assert words in err
        assert f"offset {offset} of partition 1 of {short.topic}" in err
        assert "Traceback" not in err
        assert (short.views.used, short.digests()) == (used, before)
    store = RocksStore(short.views.spare())
    assert Snapshot(store).rows.progress().get(1, PartitionProgress()).next <= offset, (
        "it is not passed over"
    )
    store.close()


def test_what_is_no_event_at_all_is_passed_over(short: Place):
    assert short.run("rebuild")[0] == 0
    before = short.digests()
    append(short, b"nonsense")
    code, rebuilt, _ = short.run("rebuild")
    assert (code, rebuilt["digests"]) == (0, before)


def test_a_stale_record_is_passed_over_whatever_it_is(short: Place):
    assert short.run("rebuild")[0] == 0
    before = short.digests()
    append(short, encode(next_record(short, type="autolearn.SessionHeld.v1", term=0)))
    code, rebuilt, err = short.run("rebuild")
    assert (code, rebuilt["digests"], err) == (0, before, "")

"""The write path for real: decide processes on a broker, killed, paused and doubled under load.

Each run is checked by `log_checker` on the raw topics, and answer by answer against the rules.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
import uuid
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.schemas import commands
from autolearn.schemas.codec import CommandRecord, EventRecord, encode, raw
from autolearn.schemas.events import TermStarted
from tests.support.deciding_processes import Bench, deciding
from tests.support.random_histories import command_record, random_command
from tests.support.waiting import until

pytestmark = pytest.mark.kafka


def load(random: Random, count: int, sessions: int = 40) -> list[CommandRecord]:
    """Random commands to many sessions."""
    streams = [f"session/{uuid.UUID(int=random.getrandbits(128))}" for _ in range(sessions)]
    return [
        command_record(stream, random_command(random, stream), f"{number}", actor="ada")
        for number, stream in enumerate(random.choices(streams, k=count))
    ]


@pytest.fixture(scope="module")
def steady(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One process that nothing happens to; the tests that share it use other sessions."""
    with deciding(kafka, tmp_path_factory.mktemp("steady")) as bench:
        process = bench.process()
        until(lambda: process.claimed() == 2)
        yield bench
        assert process.stop() == 0


def answered_so_far(bench: Bench) -> int:
    return bench.events() - 2  # without the two TermStarted


def test_steady(steady: Bench):
    before = answered_so_far(steady)
    steady.send(*load(Random(1), 1000))
    found = steady.answered(before + 1000)
    assert found.ignored == 0
    assert found.terms == {0: 1, 1: 1}


def test_a_command_that_comes_again_is_not_answered_again(steady: Bench):
    before = answered_so_far(steady)
    random = Random(2)
    once = load(random, 100, 5)
    again = [each for record in once for each in [record] * random.randint(1, 3)]
    steady.send(*again, *once)
    last = command_record(once[-1].subject, commands.DiscardSession(), "last")
    other = command_record(once[0].subject, commands.DiscardSession(), "last")
    wanted = {(last.subject, last.id), (other.subject, other.id)}
    steady.send(last, other)
    found = steady.answered(before + 100 + len(wanted))
    assert found.skipped >= len(again)


OPEN = f"session/{uuid.UUID(int=77)}"
GOOD = command_record(OPEN, commands.OpenSession("good"), "bad-1")
BAD: dict[str, tuple[bytes | None, bytes | None, str]] = {
    "not JSON": (OPEN.encode(), b"this is not JSON", "cannot be decoded"),
    "not UTF-8": (OPEN.encode(), b'{"id":"\xff"}', "cannot be decoded"),
    "not an object": (OPEN.encode(), b"[1, 2]", "cannot be decoded"),
    "a tombstone": (OPEN.encode(), None, "cannot be decoded"),
    "empty": (OPEN.encode(), b"", "cannot be decoded"),
    "an unknown type": (
        OPEN.encode(),
        encode(GOOD).replace(b"OpenSession", b"Abracadabra"),
        "no command 'autolearn.Abracadabra.v1'",
    ),
    "data that do not fit": (
        OPEN.encode(),
        encode(GOOD).replace(b'"title":"good"', b'"title":[]'),
        "do not fit",
    ),
    "another key": (b"session/other", encode(GOOD), "they must be equal"),
    "no key": (None, encode(GOOD), "they must be equal"),
    "no stream": (b"nonsense", encode(GOOD).replace(OPEN.encode(), b"nonsense"), "names no stream"),
    "nested too deep": (
        OPEN.encode(),
        encode(GOOD).replace(b'"title":"good"', b'"title":' + b"[" * 5000 + b"]" * 5000),
        "nested",
    ),
    "an endless id": (
        OPEN.encode(),
        encode(GOOD).replace(b'"bad-1"', b'"' + b"x" * 4_190_000 + b'"'),
        "cannot be decoded",
    ),
    "encrypted, though it never is": (
        OPEN.encode(),
        encode(replace(GOOD, type="autolearn.DiscardSession.v1", data=UNSET, data_base64="AAAA")),
        "never encrypted",
    ),
    "garbage that seems to name a key": (OPEN.encode(), b'x"keyid":', "cannot be decoded"),
    "a number of many digits": (
        OPEN.encode(),
        encode(GOOD).replace(b'"title":"good"', b'"expires":' + b"9" * 5000),
        "",
    ),
    "much garbage": (OPEN.encode(), b"x" * 7_000_000, "cannot be decoded"),
}


def test_what_is_no_command_goes_to_dead_letters_and_the_partition_goes_on(steady: Bench):
    before = answered_so_far(steady)
    letters = steady.topics.dead_letters.name
    buried = steady.count(letters)
    partition = 1
    for key, value, _ in BAD.values():
        steady.send_raw(key, value, partition)
    stream = next(
        name
        for name in (f"session/{uuid.UUID(int=number)}" for number in range(100, 200))
        if partition_of(steady, name) == partition
    )
    steady.send(command_record(stream, commands.OpenSession(), "after"))
    until(lambda: steady.count(letters) == buried + len(BAD))
    steady.answered(before + 1)
    found = steady.records(letters)[0][-len(BAD) :]
    for record, (name, (key, value, reason)) in zip(found, BAD.items(), strict=True):
        letter = json.loads(record.value or b"")
        assert reason in letter["reason"], name
        assert letter["topic"] == steady.topics.commands.name
        assert letter["partition"] == partition
        kept = None if letter["value"] is None else b64decode(letter["value"])
        assert kept == value or (value or b"").startswith(kept or b"-"), name
        assert letter["key"] is None if key is None else b64decode(letter["key"]) == key


def partition_of(bench: Bench, stream: str) -> int:
    from aiokafka.partitioner import murmur2

    return (murmur2(stream.encode()) & 0x7FFFFFFF) % bench.partitions


@pytest.mark.parametrize(
    ("seed", "kills", "count", "lose_state"),
    [pytest.param(3, 4, 3000, False, marks=pytest.mark.long), (4, 2, 1500, True)],
    ids=["kill -9", "kill -9, and its RocksDB is deleted"],
)
def test_killed_under_load(
    kafka: str, tmp_path: Path, seed: int, kills: int, count: int, lose_state: bool
):
    print(f"seed {seed}")
    random = Random(seed)
    moments = sorted(random.sample(range(count // 20, count * 3 // 4), kills))
    with deciding(kafka, tmp_path) as bench:
        process = bench.process()
        sender = Sender(bench, load(random, count))
        for moment in moments:
            sender.allow(moment + random.randint(50, 400))
            until(process.claimed)
            until(lambda moment=moment: bench.events() >= moment, pause=0.002)
            process.kill()
            if lose_state:
                shutil.rmtree(tmp_path / "home" / "state" / "decide-0")
            process.start()
            sender.allow(moment + random.randint(400, 600))
        sender.finish()
        found = bench.answered(count)
    assert sum(found.terms.values()) >= kills + 2
    assert found.ignored == 0, "nobody else was writing"


class Sender:
    """Sends commands in a thread, as far as it is allowed."""

    def __init__(self, bench: Bench, records: list[CommandRecord]) -> None:
        self.bench, self.records = bench, records
        self.changed = threading.Condition()
        self.allowed = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        for number, record in enumerate(self.records):
            with self.changed:
                assert self.changed.wait_for(lambda n=number: self.allowed > n, 60)
            self.bench.send(record)

    def allow(self, count: int) -> None:
        with self.changed:
            self.allowed = max(self.allowed, count)
            self.changed.notify_all()

    def finish(self) -> None:
        self.allow(len(self.records))
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.mark.long
def test_a_paused_process_that_wakes_up_is_not_believed(kafka: str, tmp_path: Path):
    random = Random(5)
    records = load(random, 2000)
    with deciding(kafka, tmp_path) as bench:
        paused, other = bench.process("0"), bench.process("1")
        until(lambda: paused.claimed() and other.claimed())
        sender = Sender(bench, records)
        sender.allow(600)
        until(lambda: bench.events() > 300, pause=0.002)
        paused.signal(signal.SIGSTOP)
        sender.allow(1200)
        before = other.claimed()
        until(lambda: other.claimed() > before)
        sender.allow(1600)
        until(lambda: bench.events() > 1200)
        paused.signal(signal.SIGCONT)
        sender.finish()
        found = bench.answered(2000)
        assert sum(found.terms.values()) >= 3
        print(found)


def test_a_claim_that_nobody_stands_behind_does_not_stop_a_partition(kafka: str, tmp_path: Path):
    """Two rebalances in quick succession have left that (the fault suite has seen it)."""
    with deciding(kafka, tmp_path, partitions=1) as bench:
        process = bench.process()
        until(process.claimed)
        record = EventRecord(
            id="0-term-2-nobody",
            source="tests",
            type=TERM_STARTED,
            subject="partition/0",
            time="2026-01-01T00:00:00Z",
            sequence=0,
            term=2,
            data=raw(TermStarted("nobody")),
        )
        bench.producer.produce(bench.topics.events.name, encode(record), "partition/0", 0)
        bench.flush()
        bench.send(*load(Random(7), 50))
        bench.flush()
        assert process.popen.wait(30) == 70
        process.start()
        found = bench.answered(50)
    assert found.ignored > 0
    assert found.terms == {0: 3}


@pytest.mark.long
def test_a_second_process_takes_its_share(kafka: str, tmp_path: Path):
    random = Random(6)
    with deciding(kafka, tmp_path, partitions=4) as bench:
        first = bench.process("0")
        until(lambda: first.claimed() == 4)
        sender = Sender(bench, load(random, 1500))
        sender.allow(500)
        second = bench.process("1")
        until(lambda: second.claimed() == 2)
        sender.finish()
        found = bench.answered(1500)
        assert first.stop() == second.stop() == 0
    assert sum(found.terms.values()) >= 6

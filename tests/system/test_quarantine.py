"""A command on which no decider comes further is answered by an operator; the next goes on."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from autolearn.agents.command_handling import partition_claim
from autolearn.agents.command_handling.decision import AppendFence, decide
from autolearn.agents.command_handling.partition_claim import Names, PartitionClaim
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.integrity.hash_chain import START, header_of, link
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.operations.quarantine import NothingToDo, Quarantined, quarantine, user_name
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.read_models import ReadModels
from autolearn.projections.rows.command_answers import Answer
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas import commands
from autolearn.schemas.codec import decode_command, decode_event, encode
from autolearn.schemas.topics import Topics
from tests.agents.command_handling.test_simulated_write_path import QuickStore
from tests.support import samples
from tests.support.deciding_processes import Bench, deciding
from tests.support.random_histories import command_record
from tests.support.settings import settings_of
from tests.support.waiting import until

SETTINGS = settings_of(partitions=1)
TOPICS = Topics.of(SETTINGS)
NAMES = Names(TOPICS.commands.name, TOPICS.events.name, TOPICS.checkpoints.name)
STREAM = samples.SESSION


def send(log: Any, identity: str, command: Any = None, stream: str = STREAM) -> None:
    record = command_record(stream, command or commands.OpenSession(), identity)
    log.append(NAMES.commands, encode(record), key=stream, partition=0)


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    log.create(TOPICS.all())
    return log


def decided(log: MemoryLog, folder: Path, until_offset: int) -> PartitionClaim:
    """Decide as a decider does, up to an offset (exclusive), in a tenure of one's own."""
    with mock.patch.object(partition_claim, "RocksStore", QuickStore):
        claim = PartitionClaim(log, NAMES, 0, folder, "tests")
        claim.take()
    for offset in range(claim.begin(), until_offset):
        record = decode_command(log.topics[NAMES.commands][0][offset].content)
        if not claim.seen(record.subject, record.id):
            place = AppendFence(0, offset, claim.answered, claim.term)
            decision = decide(claim.stream(record.subject), record, place)
            headers = claim.note(decision)
            log.append(
                NAMES.events, decision.value, key=record.subject, partition=0, headers=headers
            )
            assert claim.confirm(decision, log.ends(NAMES.events)[0] - 1)
    return claim


def admitted(records: list[Any]) -> list[tuple[str, int]]:
    """The type and command of each event that counts, with the chain checked on the way."""
    at, found, hashed = PartitionProgress(), [], START
    for record in records:
        value = record.value
        event = decode_event(value)
        if at.admit(event):
            hashed = link(hashed, value)
            told = header_of(record.headers)
            assert told in (None, hashed), "the chain is broken"
            if event.commandoffset >= 0:
                assert told == hashed
                found.append((event.type.split(".")[1], event.commandoffset))
    return found


def test_the_next_decider_goes_on_behind_it(log: MemoryLog, tmp_path: Path):
    for identity in ("a", "poison", "b"):
        send(log, identity)
    decided(log, tmp_path / "first", 1)
    found = quarantine(log, SETTINGS, 0, 1, "it blocks", "operator ada@here")
    assert (found.stream, found.command, found.sequence) == (STREAM, "poison", 2)
    decided(log, tmp_path / "second", 3)
    decided(log, tmp_path / "first", 3)  # one with the state of before
    records = log.topics[NAMES.events][0]
    wanted = [("SessionOpened", 0), ("CommandQuarantined", 1), ("Refused", 2)]
    assert admitted(records) == wanted

    store = MemoryStore()
    follower = Projector(log, NAMES.events, ReadModels(store), [0])
    follower.catch_up()
    answer = ReadModelQueries(store).answer("poison")
    assert isinstance(answer, Answer)
    assert (answer.reason, answer.detail) == ("command-quarantined", "it blocks")
    event = next(decode_event(r.value) for r in records if b"Quarantined" in r.value)
    assert event.actor == "operator ada@here"


@pytest.mark.parametrize(
    ("offset", "words"),
    [(0, "answered already"), (2, "offset 1 comes before"), (3, "no offset 3"), (-1, "no offset")],
)
def test_only_the_next_one_can_be_answered_so(
    log: MemoryLog, tmp_path: Path, offset: int, words: str
):
    for identity in ("a", "poison", "b"):
        send(log, identity)
    decided(log, tmp_path / "first", 1)
    before = log.ends(NAMES.events)
    with pytest.raises(NothingToDo, match=words):
        quarantine(log, SETTINGS, 0, offset, "why", "ada")
    assert log.ends(NAMES.events) == before, "nobody was fenced for nothing"
    with pytest.raises(NothingToDo):
        quarantine(log, SETTINGS, 7, 0, "why", "ada")


def test_what_was_skipped_before_it_is_no_hindrance(log: MemoryLog, tmp_path: Path):
    """Dead letters and commands that came twice have no answer of their own."""
    send(log, "a")
    send(log, "a")
    log.append(NAMES.commands, b"garbage", key="x", partition=0)
    send(log, "poison")
    decided(log, tmp_path / "first", 1)
    assert quarantine(log, SETTINGS, 0, 3, "why", "ada").command == "poison"
    send(log, "after", commands.DiscardSession())
    decided(log, tmp_path / "first", 5)
    assert admitted(log.topics[NAMES.events][0])[-1] == ("SessionDiscarded", 4)


@pytest.mark.parametrize("error", [KeyError("uid not found: 4711"), OSError("no username")])
def test_who_has_no_name_is_told_by_number(error: Exception):
    with mock.patch.object(getpass, "getuser", side_effect=error):
        assert user_name() == f"uid {os.getuid()}"


@pytest.mark.parametrize(
    ("key", "stream"), [(STREAM, STREAM), ("x", "partition/0"), (b"\xff", "partition/0")]
)
def test_what_is_no_command_at_all(log: MemoryLog, tmp_path: Path, key: str | bytes, stream: str):
    log.append(NAMES.commands, b"\xff garbage", key=key, partition=0)
    send(log, "after")
    found = quarantine(log, SETTINGS, 0, 0, "why", "ada")
    assert isinstance(found, Quarantined)
    assert (found.stream, found.command) == (stream, "unreadable-0-0")
    decided(log, tmp_path / "first", 2)
    assert admitted(log.topics[NAMES.events][0])[-1] == ("SessionOpened", 1)
    store = MemoryStore()
    Projector(log, NAMES.events, ReadModels(store), [0]).catch_up()
    assert ReadModelQueries(store).answer("after") is not None


BROKEN = """
import runpy, sys
from autolearn.agents.command_handling import agent
right = agent.decide
def broken(stream, record, *more):
    if record.id == "poison":
        raise RuntimeError("a fault of ours")
    return right(stream, record, *more)
agent.decide = broken
sys.argv = ["agents", "decide"]
runpy.run_module("autolearn.agents", run_name="__main__")
"""


def tool(bench: Bench, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autolearn.operations.quarantine", *words]
    given = {"PATH": "/usr/bin:/bin"} | bench.environment
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60)


@pytest.mark.long
@pytest.mark.kafka
def test_out_of_a_crash_loop(kafka: str, tmp_path: Path):
    with deciding(kafka, tmp_path, partitions=1) as bench:
        process = bench.process(code=BROKEN)
        until(process.claimed)
        bench.send(*(command_record(STREAM, commands.OpenSession(), one) for one in "ab"))
        until(lambda: bench.events() == 3)  # what is on its way to the log would be lost with it
        bench.send(command_record(STREAM, commands.OpenSession(), "poison"))
        bench.send(command_record(STREAM, commands.DiscardSession(), "after"))
        bench.flush()
        assert process.popen.wait(60) == 70
        process.start()
        assert process.popen.wait(60) == 70, "and so for ever"

        done = tool(bench, "0", "2", "--reason", "no decider comes further")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["result"]["command"] == "poison"
        process.start()
        until(process.claimed)
        topic = bench.topics.events.name

        def answers() -> list[str]:
            found = [decode_event(record.value or b"") for record in bench.records(topic)[0]]
            at = PartitionProgress()
            return [event.causationid for event in found if at.admit(event)]

        until(lambda: answers()[-1:] == ["after"], pause=0.1)
        assert tool(bench, "0", "2", "--reason", "again").returncode == 4

        # One that runs is fenced: it cannot answer the command as well.
        process.signal(signal.SIGSTOP)
        bench.send(command_record(STREAM, commands.DiscardSession(), "late"))
        bench.flush()
        assert tool(bench, "0", "4", "--reason", "of no use").returncode == 0
        process.signal(signal.SIGCONT)
        bench.send(command_record(STREAM, commands.DiscardSession(), "last"))
        bench.flush()

        def goes_on() -> bool:
            if (
                process.popen.poll() is not None
            ):  # fenced; or the group had taken the partition away
                process.start()
            return answers()[-1:] == ["last"]

        until(goes_on, pause=0.1)
        assert [one for one in answers() if one] == ["a", "b", "poison", "after", "late", "last"]

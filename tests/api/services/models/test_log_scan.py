"""Reading of the log about a model: complete where it is short, bounded where it is long."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.json import encode

from autolearn.api.services.models.truths import log_scan
from autolearn.api.services.models.truths.log_scan import TooFarApart, find, scan
from autolearn.api.services.models.truths.records import Value, append, truths_since
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import Record
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.runtime.uuid7 import uuid7
from autolearn.schemas.records.truth import TruthRecord
from autolearn.schemas.topics import Topic

START, STEP = 1_700_000_000_000, 10_000
IDS = [uuid7(START + number * STEP) for number in range(100)]
"""Ids of requests, ten seconds apart."""


@pytest.fixture
def log() -> MemoryLog:
    """A log of a hundred requests, on three partitions."""
    log = MemoryLog()
    log.create([Topic("asked", 3, 1, {})])
    for number, one in enumerate(IDS):
        log.append("asked", b"x" * 100, key=f"wine/{one}", time=START + number * STEP)
    return log


def key_of(record: Record) -> str:
    return (record.key or b"").decode().partition("/")[2]


def test_a_short_log_is_read_from_the_time_on(log: MemoryLog):
    kept, since = scan(log, "asked", START + 40 * STEP, key_of)
    assert (sorted(kept), since) == (IDS[40:], START + 40 * STEP)


def test_of_a_long_one_all_records_are_read_since_the_time_that_is_answered(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch
):
    kept, since = scan(log, "asked", START, key_of, most=30)
    first = (since - START) // STEP
    assert 60 < first < 100
    assert len(kept) <= 30
    assert {*IDS[first:]} <= {*kept}
    monkeypatch.setattr(log_scan, "_SCANNED_BYTES", 2000)
    monkeypatch.setattr(log_scan, "_READ", 1)
    fewer, later = scan(log, "asked", START, key_of)
    assert later > START
    assert 0 < len(fewer) <= 20
    assert {*IDS[(later - START) // STEP :]} <= {*fewer}


def test_requests_are_found_by_the_time_of_their_ids(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch
):
    sought = [IDS[3], IDS[50], IDS[97], uuid7(START + 7 * STEP)]
    assert sorted(find(log, "asked", "wine", sought, key_of)) == sorted(sought[:3])
    monkeypatch.setattr(log_scan, "_TOGETHER", 1)
    assert sorted(find(log, "asked", "wine", sought, key_of)) == sorted(sought[:3])
    assert find(log, "asked", "beer", sought, key_of) == []
    monkeypatch.setattr(log_scan, "_FOUND_AMONG", 2)
    with pytest.raises(TooFarApart):
        find(log, "asked", "wine", sought, key_of)


def test_of_truths_at_the_same_moment_the_first_counts_until_one_replaces_it():
    log = MemoryLog()
    topic = Topic("truths", 3, 1, {})
    log.create([topic])
    context: Any = SimpleNamespace(
        log=log, vault=SessionCipher(), topics=SimpleNamespace(truths=topic)
    )
    for actor, value, replace in (("ada", "a", False), ("bob", "b", False)):
        append(context, "wine", actor, [Value(IDS[0], 0, value, "")], replace=replace)
    found, _ = truths_since(context, "wine", START)
    assert (found[IDS[0]][0].value, found[IDS[0]][0].actor) == ("a", "ada")
    append(
        context, "wine", "eve", [Value(IDS[0], 0, "c", ""), Value(IDS[0], 3, "d", "")], replace=True
    )
    log.append("truths", b"{", key=f"wine/{IDS[0]}")
    odd = TruthRecord(id=IDS[0], time="", model="beer", actor="", rows=(0,))
    log.append("truths", encode(odd), key=f"beer/{IDS[0]}")
    found, _ = truths_since(context, "wine", START, [IDS[0]])
    assert {row: one.value for row, one in found[IDS[0]].items()} == {0: "c", 3: "d"}
    assert truths_since(context, "wine", START, [IDS[1]])[0] == {}

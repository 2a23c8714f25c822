"""Truths are counted in the hour of the request, once, and what replaces them takes them off."""

import base64
import secrets

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autolearn.agents.monitor.hour_publisher import HourPublisher
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.operations.replay.hours import check_hours
from autolearn.projections.predictions.hour_content import content_of
from autolearn.projections.predictions.hour_fold import HourFold
from autolearn.projections.predictions.hour_rows import CLOSED
from autolearn.projections.predictions.truth_fold import TruthFold
from autolearn.projections.storage.memory import MemoryStore
from autolearn.runtime.uuid7 import uuid7
from autolearn.schemas.records.prediction_hour import PredictionHour, TruthCounts
from autolearn.schemas.records.truth import RowAnswer, TruthContent, TruthRecord, truth_purpose
from tests.projections.predictions.test_hours import (
    MODEL,
    OLD,
    TOPICS,
    ask,
    edges,
    fold_all,
    folded,
)

REQUEST = uuid7(1_767_607_200_000)
KEY = f"pets/{OLD}/1"


def say(
    log: MemoryLog,
    vault: SessionCipher,
    values: dict[int, tuple[str | float, str | float]],
    *,
    shadow: str = "",
    key: str = "",
    **about: bool,
) -> str:
    """Append what rows are in truth, each beside what was answered; return the key."""
    keyid = vault.of_session(f"model/{MODEL}/2026-01")
    answers = [
        (RowAnswer(1, OLD, said), *([RowAnswer(2, OLD, shadow, shadow=True)] if shadow else []))
        for _, said in values.values()
    ]
    content = msgspec.json.encode(TruthContent([truth for truth, _ in values.values()], answers))
    cipher, nonce = AESGCM(vault.find(keyid).derived(truth_purpose("s"))), secrets.token_bytes(12)
    sealed = nonce + cipher.encrypt(nonce, content, f"truth {MODEL}/{REQUEST}".encode())
    record = TruthRecord(
        id=REQUEST,
        time="2026-01-06T00:00:00.000Z",
        model=MODEL,
        actor="ada",
        rows=tuple(values),
        keyid=keyid,
        salt="s",
        data_base64=base64.b64encode(sealed).decode(),
        **about,
    )
    key = key or f"{MODEL}/{REQUEST}/{secrets.token_hex(4)}"
    log.append(TOPICS.truths.name, msgspec.json.encode(record), key=key, partition=1)
    return key


def counted(log: MemoryLog, vault: SessionCipher, store: MemoryStore, size: int = 100) -> HourFold:
    """Fold what is new of predictions and truths, some records at a time."""
    fold = HourFold(store, vault, edges)
    fold_all(log, fold)
    truths = TruthFold(fold)
    reader = truths.reader(log, TOPICS.truths.name)
    while records := reader.read(size, 0.0):
        truths.fold(records)
    return fold


def shown(store: MemoryStore, vault: SessionCipher, key: str = KEY) -> tuple[int, TruthCounts]:
    row = folded(store)[key]
    content = content_of(row, vault)
    assert content is not None
    return row.truths, content.truths


@pytest.mark.parametrize("size", [1, 100])
def test_the_first_truth_counts_and_what_replaces_it(log, vault, size):
    ask(log, vault, OLD, {"age": [1.0, 2.0]})
    say(log, vault, {0: ("yes", "yes"), 1: ("no", "yes")}, shadow="no")
    say(log, vault, {0: ("no", "yes")})  # somebody else, at the same moment: it does not count
    store = MemoryStore()
    counted(log, vault, store, size)
    pairs = {"yes": {"yes": 1}, "no": {"yes": 1}}
    assert shown(store, vault) == (2, TruthCounts(right=1, pairs=pairs))
    rows, shadow = shown(store, vault, f"pets/{OLD}/2/shadow")
    assert (rows, shadow.metrics(rows)) == (2, {"accuracy": 0.5})
    say(log, vault, {1: ("yes", "yes")}, replaces=True)
    counted(log, vault, store, size)
    assert shown(store, vault) == (2, TruthCounts(right=2, pairs={"yes": {"yes": 2}}))
    assert folded(store)[KEY].requests == 1
    again = MemoryStore()
    counted(log, vault, again, 1)
    assert shown(again, vault) == shown(store, vault), "however it is read"


def test_numbers_have_sums_of_errors(log, vault):
    key = say(log, vault, {0: (3.0, 1.0), 1: (5.0, 6.0)})
    store = MemoryStore()
    counted(log, vault, store)
    rows, counts = shown(store, vault)
    assert (counts.squared, counts.absolute) == (5.0, 3.0)
    assert counts.metrics(rows) == {"rmse": pytest.approx(2.5**0.5), "mae": 1.5}
    say(log, vault, {1: (5.0, 6.0)}, key=key, erased=True)
    log.append(TOPICS.truths.name, None, key="pets/x/y", partition=1)
    counted(log, vault, store)
    assert shown(store, vault) == (rows, counts), "the counts stay, and count nothing twice"
    left = [at for at, _ in store.scan(b"known-truth\0")]
    assert [at.rpartition(b"\0")[2] for at in left] == [b"000001"], "the erased one is forgotten"
    log.append(TOPICS.truths.name, None, key=key, partition=1)
    counted(log, vault, store)
    assert not [*store.scan(b"known-truth\0")]


def test_a_late_truth_appends_its_hour_anew_and_the_log_agrees(log, vault):
    for _ in range(3):
        ask(log, vault, OLD)
    store, name = MemoryStore(), TOPICS.prediction_hours.name

    def published(store: MemoryStore) -> list[PredictionHour]:
        fold = counted(log, vault, store)
        publisher = HourPublisher(log, TOPICS, store, fold)
        publisher.publish()
        publisher.publish()
        publisher.close()
        return [CLOSED.decode(one.value) for one in log.topics[name][0]]

    assert [row.truths for row in published(store)] == [0]
    say(log, vault, {0: ("yes", "yes")})
    assert [row.truths for row in published(store)] == [0, 1]
    assert check_hours(log, TOPICS, 1e5, vault, edges) == (1, 0, [], "")
    log.delete_before(TOPICS.predictions.name, log.ends(TOPICS.predictions.name))
    say(log, vault, {1: ("no", "yes")})
    newest = published(MemoryStore())[-1]
    content = content_of(newest, vault)
    assert content is not None
    assert (newest.requests, newest.truths) == (3, 2), "both the newest"
    assert (content.labels, content.truths.right) == ({"yes": 3}, 1)


def test_a_truth_that_was_not_counted_is_found(log, vault):
    ask(log, vault, OLD)
    store = MemoryStore()
    fold = counted(log, vault, store)
    publisher = HourPublisher(log, TOPICS, store, fold)
    publisher.publish()
    say(log, vault, {0: ("yes", "yes")})
    (wrong,) = check_hours(log, TOPICS, 1e5, vault, edges).wrong
    assert "0 truths were counted" in wrong


def test_old_truths_are_forgotten(log, vault):
    say(log, vault, {0: ("yes", "yes")})
    store = MemoryStore()
    truths = TruthFold(counted(log, vault, store))
    truths.forget_before(1_767_607_200_000)
    assert len([*store.scan(b"known-truth\0")]) == 1
    truths.forget_before(1_767_607_200_001)
    assert not [*store.scan(b"known-truth\0")]

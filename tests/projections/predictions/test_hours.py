"""The prediction log counted by hour: what is counted, kept, published and counted again."""

import base64
import math
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autolearn.agents.monitor.hour_publisher import HourPublisher
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.operations.replay.hours import HoursCheck, check_hours
from autolearn.projections.predictions.hour_content import content_of
from autolearn.projections.predictions.hour_fold import HourFold
from autolearn.projections.predictions.hour_rows import (
    CLOSED,
    FOLDED,
    OPEN,
    HourTopic,
    belongs_to,
    hours_of,
)
from autolearn.projections.predictions.training_profiles import (
    FeatureEdges,
    ScoreEdges,
    TrainingEdges,
)
from autolearn.projections.storage.memory import MemoryStore
from autolearn.runtime.timestamps import now
from autolearn.schemas.records.prediction import (
    Erasure,
    PredictionContent,
    PredictionRecord,
    purpose_of,
)
from autolearn.schemas.records.prediction_hour import PredictionHour, latency_quantile
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

TOPICS = Topics.of(Settings())
MODEL, SALT, OLD = "pets", "0.2026-01-05", "2026-01-05T10"
EDGES = TrainingEdges(
    {
        "age": FeatureEdges((0.0, 2.0, 5.0, 9.0)),
        "kind": FeatureEdges(values={"cat": 3, "dog": 9}),
        "secret": FeatureEdges(),
    },
    ScoreEdges(confidence=FeatureEdges((0.0, 0.5, 0.9, 1.0))),
)


def ask(
    log: MemoryLog, vault: SessionCipher, hour: str, rows: object = None, **about: object
) -> None:
    """Append the record of a request: by default of one row, which is a cat."""
    given = rows or {"age": [3.0], "kind": ["cat"], "secret": ["x"]}
    assert isinstance(given, dict)
    size = len(next(iter(given.values())))
    said = {"prediction": ["yes"] * size, "probability_no": [0.3] * size}
    content = PredictionContent(given, said | {"probability_yes": [0.7] * size})
    number = sum(log.ends(TOPICS.predictions.name).values())
    identity = f"{number:032x}"
    key = f"{MODEL}/{identity}"
    owner = f"model/{MODEL}/2026-01"
    sealed = vault.find(vault.of_session(owner)).derived(purpose_of(SALT))
    clear = msgspec.json.encode(content)
    nonce = number.to_bytes(12, "big")
    record = PredictionRecord(
        **{"version": 1, "duration": 4.0, **about},
        id=identity,
        time=f"{hour}:00:00.000Z"[:24] if len(hour) == 13 else hour,
        model=MODEL,
        rows=size,
        keyid=vault.of_session(owner),
        salt=SALT,
        data_base64=base64.b64encode(
            nonce + AESGCM(sealed).encrypt(nonce, clear, key.encode())
        ).decode(),
    )
    log.append(TOPICS.predictions.name, msgspec.json.encode(record), key=key)


def edges(*_: object) -> TrainingEdges:
    return EDGES


def fold_all(log: MemoryLog, fold: HourFold, size: int = 1000) -> None:
    """Fold what is on the log behind the fold's progress."""
    reader = fold.reader(log, TOPICS.predictions.name)
    while records := reader.read(size, 0.0):
        fold.fold(records)


def folded(store: MemoryStore) -> dict[str, PredictionHour]:
    rows = [FOLDED.decode(value) for _, value in store.scan(FOLDED.prefix())]
    return {row.key: row for row in rows}


def comparable(store: MemoryStore, vault: SessionCipher) -> object:
    """All of the rows; their encryption aside, which differs each time."""
    parts = ("requests", "rows", "warned", "latencies", "unreadable")
    return {
        key: ([getattr(row, part) for part in parts], content_of(row, vault))
        for key, row in folded(store).items()
    }


def test_requests_are_counted_by_version_hour_and_shadow_with_histograms(log, vault):
    ask(log, vault, OLD, {"age": [-1.0, 2.0, None, 50.0], "kind": ["cat", "cow", None, "dog"]})
    ask(log, vault, OLD, {"kind": ["dog"], "secret": [None]}, warned={"gap": 2})
    ask(log, vault, OLD, {"age": [2.0]}, shadow_of="x", version=2)
    ask(log, vault, "2026-01-05T11")
    ask(log, vault, "2026-01-05T11", purpose="showroom")
    ask(log, vault, "2026-01-05T12", purpose="explain")
    log.append(TOPICS.predictions.name, b"no record", key="x")
    ask(log, vault, "some time or other")
    log.append(TOPICS.predictions.name, None, key="x")
    store = MemoryStore()
    fold_all(log, HourFold(store, vault, edges))
    rows = folded(store)
    assert {key: (row.requests, row.rows) for key, row in rows.items()} == {
        f"pets/{OLD}/1": (2, 5),
        f"pets/{OLD}/2/shadow": (1, 1),
        "pets/2026-01-05T11/1": (1, 1),
    }
    row = rows[f"pets/{OLD}/1"]
    content = content_of(row, vault)
    assert content is not None
    assert (row.warned, row.unreadable, content.labels) == ({"gap": 2}, 0, {"yes": 5})
    assert (content.scores.edges, content.scores.counts) == ([0.0, 0.5, 0.9, 1.0], [0, 5, 0])
    age, kind, secret = (content.features[name] for name in ("age", "kind", "secret"))
    assert (age.counts, age.missing) == ([1, 1, 1], 2), "those outside are in the outer bins"
    assert (kind.values, kind.other, kind.missing) == ({"cat": 1, "dog": 2}, 1, 1)
    assert (secret.values, secret.counts, secret.missing) == ({}, [], 5), "gaps alone"
    assert not any(b"yes" in value or b"cat" in value for value in store.rows.values())


def test_a_crash_between_two_batches_neither_loses_nor_repeats_a_record(log, vault):
    for number in range(40):
        ask(log, vault, f"2026-01-05T1{number % 3}", {"age": [float(number % 7)]})
    at_once, broken = MemoryStore(), MemoryStore()
    fold_all(log, HourFold(at_once, vault, edges))
    for crashes in (3, 1, 2, 99):
        fold, writes = HourFold(broken, vault, edges), 0

        def write(rows: object, crashes: int = crashes) -> None:
            nonlocal writes
            writes += 1
            if writes == crashes:
                raise OSError("the disk is gone")
            MemoryStore.write(broken, rows)  # type: ignore[arg-type]

        broken.write = write  # type: ignore[method-assign]
        try:
            fold_all(log, fold, size=7)
        except OSError:
            continue
    assert comparable(broken, vault) == comparable(at_once, vault)


def test_what_was_shredded_before_it_was_counted_is_only_counted(log, vault):
    ask(log, vault, OLD)
    vault.ring.shred(vault.of_session(f"model/{MODEL}/2026-01"))
    vault.catch_up()
    store = MemoryStore()
    fold_all(log, HourFold(store, vault, edges))
    (row,) = folded(store).values()
    assert (row.requests, row.unreadable) == (1, 1)


def on_topic(log: MemoryLog, name: str) -> list[tuple[bytes, int | None]]:
    """The records of a topic of hours: key, and how many requests they count."""
    return [
        (record.key, None if record.value is None else CLOSED.decode(record.value).requests)
        for record in log.topics[name][0]
    ]


def published(log: MemoryLog, store: MemoryStore, vault: SessionCipher) -> HourPublisher:
    """Fold and publish all that is due."""
    fold = HourFold(store, vault, edges)
    fold_all(log, fold)
    publisher = HourPublisher(log, TOPICS, store, fold)
    for _ in range(4):
        publisher.looked = -math.inf
        publisher.publish()
    return publisher


def test_an_hour_is_kept_once_when_it_is_over_and_again_for_a_late_record(log, vault):
    hours, opened = TOPICS.prediction_hours.name, TOPICS.open_hours.name
    store, present = MemoryStore(), now()[:13]
    ask(log, vault, OLD)
    ask(log, vault, present)
    published(log, store, vault)
    old, new = f"pets/{OLD}/1".encode(), f"pets/{present}/1".encode()
    assert on_topic(log, hours) == [(old, 1)]
    assert sorted(on_topic(log, opened)) == [(old, None), (new, 1)]
    published(log, store, vault)
    assert on_topic(log, hours) == [(old, 1)], "what is there is not appended again"
    ask(log, vault, OLD)
    published(log, store, vault)
    assert on_topic(log, hours) == [(old, 1), (old, 2)]
    published(log, MemoryStore(), vault)
    assert on_topic(log, hours) == [(old, 1), (old, 2)], "nor by who counts all anew"
    served = MemoryStore()
    for topic, table in ((hours, CLOSED), (opened, OPEN)):
        HourTopic(log, topic, served, table).catch_up()
    found = [(row.hour, closed, row.requests) for _, closed, row in hours_of(served, MODEL)]
    assert found == [(present, False, 1), (OLD, True, 2)]
    first = next(hours_of(served, MODEL))[0]
    assert [row.hour for _, _, row in hours_of(served, MODEL, first)] == [OLD]


def test_the_hours_agree_with_the_predictions_that_are_still_there(log, vault):
    for hour in (OLD, "2026-01-05T12", "2026-01-05T15"):
        for _ in range(6):
            ask(log, vault, hour)
    published(log, MemoryStore(), vault)

    def checked(days: float = 1e5) -> HoursCheck:
        return check_hours(log, TOPICS, days, vault, edges)

    assert checked() == (3, 0, [], "")
    hours = TOPICS.prediction_hours.name
    record = log.topics[hours][0][1]
    forged = msgspec.structs.replace(CLOSED.decode(record.value), rows=5)
    log.append(hours, msgspec.json.encode(forged), key=record.key)
    assert checked().wrong == [
        "pets/2026-01-05T12/1: 6 requests with 5 rows were counted, and the log has 6 with 6"
    ]
    log.append(hours, record.value, key=record.key)
    other = msgspec.structs.replace(CLOSED.decode(record.value), latencies={3: 6})
    log.append(hours, msgspec.json.encode(other), key=record.key)
    assert "its warnings or latencies differ" in checked().wrong[0]
    log.append(hours, record.value, key=record.key)
    ends = log.ends(TOPICS.predictions.name)
    log.delete_before(TOPICS.predictions.name, ends)
    assert checked(days=1) == (0, 3, [], ""), "their predictions have expired"
    published(log, MemoryStore(), vault)
    assert checked(days=1) == (0, 3, [], ""), "a rebuild without them takes nothing away"


def test_a_record_without_erased_rows_is_not_counted_again(log, vault):
    for _ in range(3):
        ask(log, vault, OLD, warned={"gap": 2})
    published(log, MemoryStore(), vault)
    topic = TOPICS.predictions.name
    first = next(one for of in log.topics[topic] for one in of)
    said = msgspec.json.decode(first.value, type=PredictionRecord)
    for rows in ((0,), (0, 1)):
        erased = Erasure("command", "2026-01-09T00:00:00Z", "ada", rows)
        instead = msgspec.json.encode(msgspec.structs.replace(said, erased=erased))
        log.append(topic, instead, key=first.key)
    store = MemoryStore()
    fold_all(log, HourFold(store, vault, edges), size=2)
    assert [row.requests for row in folded(store).values()] == [3]
    assert check_hours(log, TOPICS, 1e5, vault, edges) == (0, 1, [], ""), "not all can be compared"
    hours = TOPICS.prediction_hours.name
    for forged in ({"requests": 4}, {"warned": {"gap": 4}}):
        record = log.topics[hours][0][0]
        row = msgspec.structs.replace(CLOSED.decode(record.value), **forged)
        log.append(hours, msgspec.json.encode(row), key=record.key)
        assert len(check_hours(log, TOPICS, 1e5, vault, edges).wrong) == 1, "and the rest is"


def test_a_store_of_another_log_is_emptied():
    store = MemoryStore()
    assert belongs_to(store, "a")
    store.write({b"x": b"y"})
    assert belongs_to(store, "a")
    assert store.get(b"x") == b"y"
    assert not belongs_to(store, "b")
    assert store.get(b"x") is None


def test_quantiles_of_latencies_are_close_to_those_of_the_values(log, vault, tmp_path: Path):
    some = random.Random(5)
    values = [round(some.lognormvariate(1, 1.5), 3) for _ in range(500)] + [0.0, 2e6]
    for value in values:
        ask(log, vault, OLD, duration=value)
    store = MemoryStore()
    fold_all(log, HourFold(store, vault, edges))
    (row,) = folded(store).values()
    assert sum(row.latencies.values()) == len(values)
    for share in (0.5, 0.9, 0.99):
        exact = float(np.quantile(values, share))
        assert latency_quantile(row.latencies, share) == pytest.approx(exact, rel=0.13)
    assert latency_quantile({}, 0.5) is None

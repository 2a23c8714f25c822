"""Predictions of datasets are counted in hours of their own, once for each end on the log."""

from collections.abc import Iterator

import pytest

from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.predictions.batch_fold import BatchFold
from autolearn.projections.predictions.hour_content import content_of
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, raw
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.results import PredictedBatch
from autolearn.schemas.values import StreamId
from tests.projections.predictions.test_hours import MODEL, TOPICS, folded
from tests.support import samples
from tests.support.encrypted_system import vault_of

HOUR = "2026-01-05T10"
KEY = f"{MODEL}/{HOUR}/3/batch"


@pytest.fixture
def vault() -> Iterator[SessionCipher]:
    log = MemoryLog()
    log.create(TOPICS.all())
    with vault_of(log) as vault:
        for owner in (f"model/{MODEL}", "s", "gone"):
            vault.make(owner, lambda *_: None)
        yield vault


def record(vault: SessionCipher, event: Event, session: str = "s") -> EventRecord:
    """An event of a session, encrypted with its key."""
    said = EventRecord(
        id="e",
        source="test",
        type=type_of(type(event)),
        subject=StreamId(f"session/{session}"),
        time=f"{HOUR}:59:59.000Z",
        sequence=1,
        term=1,
        data=raw(event),
    )
    return vault.seal(said, event, vault.of_session(session))


def completed(run: str, **about: object) -> events.RunCompleted:
    batches = (PredictedBatch(2, {"yes": 2}, (1, 1)), PredictedBatch(1, {"no": 1}, (0, 1)))
    edges = (0.0, 0.5, 1.0)
    given = {"rows": 3, "batches": batches, "score_edges": edges, "unseen": {"kind": 1}}
    return samples.prediction_completed(run, **{**given, **about})


def test_a_prediction_of_a_dataset_is_counted_at_its_end(vault):
    store, changed = MemoryStore(), set[bytes]()
    fold = BatchFold(store, vault, changed)
    asked = {"model": MODEL, "model_version": 3}
    for event in (
        samples.prediction_requested("p1", **asked),
        samples.prediction_requested("p2", **asked),
        samples.prediction_requested("p3", **asked),
        samples.prediction_requested("p4"),
        events.RunStarted("p1", 1, "w1"),
        events.RunLost("p1", 2, "w1"),
        completed("p1"),
        completed("p1"),  # what has ended cannot end again
        completed("p4"),  # by a training, not by a model
        events.RunFailed("p2", 1, "w1", "error", "why"),
    ):
        fold.fold(record(vault, event), 0, 0)
    fold.commit({})
    fold.fold(record(vault, completed("p3")), 0, 0)
    fold.commit({})
    (row,) = folded(store).values()
    assert (row.key, row.requests, row.rows, row.warned) == (KEY, 2, 6, {"unseen": 2})
    assert row.data_base64, "it is encrypted with the key of the model"
    content = content_of(row, vault)
    assert content is not None
    assert content.labels == {"yes": 4, "no": 2}
    assert (content.scores.edges, content.scores.counts) == ([0.0, 0.5, 1.0], [2, 4])
    assert len(changed) == 1


def test_what_cannot_be_read_any_more_is_not_counted(vault):
    store = MemoryStore()
    fold = BatchFold(store, vault, set())
    asked = samples.prediction_requested("p1", model=MODEL, model_version=3)
    of_gone = [record(vault, one, "gone") for one in (asked, completed("p1"))]
    (keyid,) = vault.ring.of_session("gone")
    vault.ring.shred(keyid)
    vault.catch_up()
    for one in of_gone:
        fold.fold(one, 0, 0)
    fold.commit({})
    assert not folded(store)

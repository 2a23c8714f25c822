"""The evidence of a promotion is held against the evaluations on the log."""

import pytest
from msgspec.structs import replace

from autolearn.operations.replay.evidence import check_evidence
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, raw
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.models.promotion import GateEvidence, Requirement, VersionMetric
from tests.support import samples

ROWS = "9" * 64
GIVEN = VersionMetric(1, "e1", 0.9, samples.IRIS, ROWS)


def snapshot(measured: VersionMetric) -> Snapshot:
    """A model whose version 1 was promoted for its f1, which its evaluation has as 0.9."""
    evidence = GateEvidence(Requirement("f1", ">=", plus=0.8), measured)
    told: list[tuple[str, Event]] = [
        (samples.SESSION, events.SessionOpened("Irises")),
        (samples.SESSION, samples.training_requested("t1")),
        (samples.SESSION, events.RunStarted("t1", 1, "w1")),
        (samples.SESSION, samples.training_completed("t1")),
        (samples.SESSION, samples.evaluation_requested("e1", "t1", dataset=samples.IRIS)),
        (samples.SESSION, events.RunStarted("e1", 1, "w1")),
        (
            samples.SESSION,
            samples.evaluation_completed("e1", results={"f1": 0.9}, rows_sha256=ROWS),
        ),
        (samples.SESSION, events.SessionCommitted(("t1",))),
        ("model/flowers", samples.version_registered(1, "t1")),
        ("model/flowers", events.VersionPromoted(1, evidence=(evidence,))),
    ]
    store = MemoryStore()
    models, numbers = ReadModels(store), dict.fromkeys((stream for stream, _ in told), 0)
    for offset, (stream, event) in enumerate(told):
        numbers[stream] += 1
        record = EventRecord(
            id=str(offset), source="", type=type_of(type(event)), subject=stream,
            time=f"2026-01-01T00:00:{offset:02}Z", sequence=numbers[stream], term=1,
            data=raw(event),
        )  # fmt: skip
        models.fold(record, 0, offset)
    models.commit({})
    return Snapshot(store)


def test_a_promotion_that_says_what_was_measured_is_confirmed():
    assert check_evidence(snapshot(GIVEN)) == (1, 0, [], "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (replace(GIVEN, value=0.95), "f1 was given as 0.95, and its evaluation says 0.9"),
        (replace(GIVEN, rows_sha256="8" * 64), "on other rows"),
        (replace(GIVEN, dataset=samples.WINE), "on other rows"),
    ],
)
def test_a_promotion_that_says_something_else_is_found(given: VersionMetric, words: str):
    found = check_evidence(snapshot(given))
    assert (found.checked, len(found.wrong)) == (1, 1)
    assert words in found.wrong[0]
    assert found.wrong[0].startswith("flowers@1, promotion 2: ")


def test_what_is_gone_is_counted():
    assert check_evidence(snapshot(replace(GIVEN, evaluation="e9")))[:2] == (0, 1)

"""Why a version has answered, by the events of its model."""

from typing import Any

import pytest

from autolearn.operations.chain.version_choice import ModelEvent, explain
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, raw
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.models.traffic import bucket
from autolearn.schemas.records.prediction import PredictionContent, PredictionRecord
from tests.support import samples

SHARES = events.TrafficSet(revision=1, routes={"champion": 90, "challenger": 10}, salt="m")
PROMOTED = (
    samples.version_registered(1), samples.version_registered(2, "t2"),
    events.VersionPromoted(1), events.AliasSet("challenger", 2),
)  # fmt: skip
ID = next(str(n) for n in range(1000) if bucket("m", str(n).encode()) >= 10)
"""The id of a request that falls to the champion."""


def told(*of: Event) -> list[ModelEvent]:
    """Events of a model, of which one happens every ten seconds."""
    return [
        ModelEvent(
            EventRecord(
                id=str(number), source="", type=type_of(type(event)), subject="model/m",
                time=f"2026-01-01T00:{number // 6:02}:{number % 6}0Z", sequence=number, term=1,
                data=raw(event),
            ),
            event,
        )
        for number, event in enumerate(of, 1)
    ]  # fmt: skip


def asked(version: int, at: str = "09:00", **more: Any) -> PredictionRecord:
    about: dict[str, Any] = {"id": ID, "route": "/v1/models/{model}/predict"} | more
    return PredictionRecord(
        time=f"2026-01-01T00:{at}Z", model="m", version=version, rows=1, **about
    )


CONTENT = PredictionContent({"x": [1.0]}, {"prediction": [2.0]})
NAMED = "/v1/models/{model}/versions/{version}/predict"
COMBINED = PredictionContent({"x": [1.0]}, {"prediction": [2.0], "m@1.prediction": [2.0]})


@pytest.mark.parametrize(
    ("record", "of", "words", "deciding"),
    [
        (asked(1), (), "it was the champion", (3,)),
        (asked(2), (events.VersionPromoted(2, before=1),), "it was the champion", (5,)),
        (asked(1), (events.VersionPromoted(2), events.VersionRolledBack(1)), "champion", (6,)),
        (asked(1), (SHARES,), "the traffic (champion 90%), and the key", (5, 3)),
        (asked(2), (SHARES, events.VersionPromoted(2)), "challenger 10%, champion 90%", (5, 4, 6)),
        (asked(1), (SHARES, events.TrafficSet(revision=2)), "it was the champion", (3,)),
        (asked(1), (SHARES, events.TrafficRolledBack(1, 2, "g", 3, 9)), "the champion", (3,)),
        (asked(2, route=NAMED), (), "named it, by its number or as challenger", (4,)),
        (asked(2, shadow_of="r"), (events.ShadowSet("challenger"),), "the shadow", (5, 4)),
        (asked(2, shadow_of="r"), (events.ShadowSet("2"),), "the shadow (2)", (5,)),
    ],
)
def test_the_deciding_events_are_found(
    record: PredictionRecord, of: tuple[Event, ...], words: str, deciding: tuple[int, ...]
):
    found = explain(told(*PROMOTED, *of), record, CONTENT)
    assert found is not None
    assert words in found.words
    assert (found.deciding, found.unsure) == (deciding, ())


@pytest.mark.parametrize(
    ("record", "of"),
    [(asked(2), ()), (asked(2), (SHARES,)), (asked(2, shadow_of="r"), ()), (asked(1, "00:05"), ())],
)
def test_a_version_that_these_events_do_not_choose_is_not_explained(
    record: PredictionRecord, of: tuple[Event, ...]
):
    assert explain(told(*PROMOTED, *of), record, CONTENT) is None


def test_what_is_not_certain_is_said():
    late = explain(told(*PROMOTED, events.VersionPromoted(2, before=1)), asked(1, "01:01"), CONTENT)
    assert late is not None
    assert late.unsure == (
        "That it had to answer by event 4 still: event 5 came 11.0 s before the request. A version "
        "answers until the next one is loaded.",
    )
    early = explain(told(*PROMOTED, events.VersionPromoted(2)), asked(2, "00:48"), CONTENT)
    assert early is not None
    assert "a little later" in early.unsure[0]
    sealed = events.TrafficSet(revision=1, routes={"1": 50, "2": 50})
    for traffic, why in (
        (sealed, "the salt"),
        (
            events.TrafficSet(
                revision=1, routes={"1": 50, "2": 50}, salt="m", sticky_header="user"
            ),
            "a header",
        ),
    ):
        found = explain(told(*PROMOTED, traffic), asked(2), CONTENT)
        assert found is not None
        assert why in found.unsure[0]


def test_a_shadow_that_has_ended_could_answer_until_that_was_read():
    ended = told(*PROMOTED, events.ShadowSet("challenger"), events.ShadowSet())
    found = explain(ended, asked(2, shadow_of="r"), CONTENT)
    assert found is not None
    assert found.deciding == (5, 4)
    assert "event 6 came" in found.unsure[0]


def test_traffic_does_not_choose_among_combined_versions():
    record = asked(2, id=next(str(n) for n in range(1000) if bucket("m", str(n).encode()) < 10))
    assert explain(told(*PROMOTED, SHARES), record, CONTENT) is not None
    assert explain(told(*PROMOTED, SHARES), record, COMBINED) is None

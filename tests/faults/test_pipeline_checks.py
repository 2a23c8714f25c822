"""What is wrong with runs of pipelines is found on the log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.pipeline_checks import Asked, check_pipelines
from tests.support.log_checker import Broken

Event = dict[str, Any]


def event(name: str, subject: str = "pipeline/p", **data: Any) -> Event:
    return {"type": f"autolearn.{name}.v1", "subject": subject, "data": data}


def recorded(step: str, kind: str, status: str = "completed", **gave: Any) -> Event:
    outcome = {"step": step, "kind": kind, "status": status, "gave": gave, "why": ""}
    return event("StepRecorded", run="r", outcome=outcome)


GIVES = {"name": "deliver", "kind": "deliver", "parameters": {"dataset": "d"}}
STEPS = [{"name": "nap"}, {"name": "train"}, GIVES]
SESSION = "session/s"
TRAINED = event("TrainingRequested", SESSION, run="t", estimator="svm")
GIVEN = {"name": "d", "version": "v"}
GOOD = [
    event("PipelineRequested", run="r", definition={"steps": STEPS}),
    event("RunStarted", run="r", worker="api-1"),
    event("StepRequested", run="k", pipeline_run="r", step="nap"),
    event("RunLost", run="k"),
    event("RunCompleted", run="k"),
    recorded("nap", "nap"),
    event("RunLost", run="r"),
    event("Refused", reason="forbidden"),
    event("SessionOpened", SESSION),
    TRAINED,
    recorded("train", "train", session="s", trainings=["t"]),
    event("DatasetRegistered", "dataset/d"),
    recorded("deliver", "deliver", dataset=GIVEN),
    event("SessionCommitted", SESSION),
    event("RunCompleted", run="r"),
]
ASKED = [Asked("p", "r")]


def test_a_run_that_was_handed_over_is_right():
    found = check_pipelines(GOOD, ASKED)
    assert found == (1, 1, 3, 0, 1, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([*GOOD[:6], *GOOD[5:]], "recorded twice"),
        (GOOD[:-1], "the end of r is None"),
        ([*GOOD[:4], *GOOD[5:]], "has ended before its steps"),
        ([*GOOD[:5], *GOOD[6:]], "not"),
        ([*GOOD[:10], TRAINED, *GOOD[10:]], "trained twice"),
        ([*GOOD[:11], GOOD[11], *GOOD[11:]], "has 2 versions"),
        ([*GOOD[:13], *GOOD[14:]], "not committed once"),
        ([*GOOD, event("StepRequested", run="x", pipeline_run="r", step="nap")], "after the end"),
        ([*GOOD[:5], recorded("nap", "nap", "cached"), *GOOD[6:]], "from the cache, and was done"),
        ([*GOOD[:5], recorded("nap", "nap", "failed"), *GOOD[6:]], "is failed"),
        (
            [
                *GOOD[:5],
                event("StepRequested", run="k2", pipeline_run="r", step="nap"),
                event("RunCompleted", run="k2"),
                *GOOD[5:],
            ],
            "asked for twice",
        ),
    ],
)
def test_what_is_lost_or_there_twice_is_found(events: list[Event], words: str):
    with pytest.raises(Broken, match=words):
        check_pipelines(events, ASKED)


def test_a_run_that_was_to_fail_has_failed_with_an_end_of_each_step():
    failed = recorded("train", "train", "failed"), recorded("deliver", "deliver", "skipped")
    told = [*GOOD[:8], *failed, event("RunFailed", run="r")]
    to_fail = [Asked("p", "r", fails=True)]
    assert check_pipelines(told, to_fail).failed == 1
    for events, words in (
        (GOOD, "the end of r is RunCompleted"),
        ([*told[:-2], told[-1]], "has results of"),
        ([*told, event("DatasetRegistered", "dataset/d")], "has 1 versions"),
    ):
        with pytest.raises(Broken, match=words):
            check_pipelines(events, to_fail)


def test_a_run_that_only_a_client_knows_is_lost():
    with pytest.raises(Broken, match="the log does not know"):
        check_pipelines(GOOD, [*ASKED, Asked("p", "r2")])

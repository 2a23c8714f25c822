"""The checker's own rules agree with ours on any history; and it finds what is wrong with a log."""

from __future__ import annotations

import json
import re
from collections import Counter
from random import Random

import pytest

from autolearn.schemas.codec import encode
from tests.faults.verdict import Log, Receipt, check_rules, ends_of, name_of, verify
from tests.support import log_checker
from tests.support.log_checker import Broken
from tests.support.random_histories import Reference, random_records

NOT_RULED = re.compile(
    r"^(user|group|model)/|Group|Member|User|Role|Password|Token|Share|Unshare|Expir|Keep|DeleteExperiment|Annotate"
    r"|Study|(Hold|Release)Experiment|LabelRows|ExpectDataset|ImportTraining|ForgetRuns|RemovePipeline"
    r"|SetQuota"
)
SESSION = "0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90"


def log_of(seed: int, count: int = 200) -> Log:
    """A log of one partition, as deciding random commands one by one gives it.

    Without what the checker has no rules for, because nobody asks for it while faults are injected.
    """
    asked, answered, reference = [], [], Reference()
    story = (
        r for r in random_records(Random(seed), count) if not NOT_RULED.search(r.subject + r.type)
    )
    for offset, record in enumerate(story):
        key = record.subject.encode()
        asked.append(log_checker.Record(offset, key, encode(record)))
        answer = reference.answer(offset, record)
        if answer is not None:
            answered.append(log_checker.Record(len(answered), key, encode(answer)))
    # As after TermStarted(1), which the reference does not write.
    start = {"type": "autolearn.TermStarted.v1", "subject": "partition/0", "term": 1}
    first = log_checker.Record(0, b"partition/0", json.dumps(start).encode())
    events = {0: [first, *answered]}
    return Log({0: asked}, events, [], {0: log_checker.admitted(0, events[0])[0]})


def test_its_rules_are_ours():
    seen = Counter()
    for seed in range(50):
        log = log_of(seed)
        check_rules(0, log.commands[0], log.admitted[0])
        seen.update(name_of(event["type"]) for event in log.all())
    assert len(seen) > 12, seen


@pytest.mark.parametrize("change", ["another type", "another reason"])
def test_an_answer_that_the_rules_do_not_give_is_found(change: str):
    log = log_of(3)
    refused = next(event for event in log.all() if name_of(event["type"]) == "Refused")
    if change == "another type":
        refused["type"] = "autolearn.SessionOpened.v1"
    else:
        refused["data"]["reason"] = "too-large"
    with pytest.raises(Broken, match="not"):
        check_rules(0, log.commands[0], log.admitted[0])


def requested(run: str) -> dict:
    return event("TrainingRequested", {"run": run})


def event(name: str, data: dict) -> dict:
    return {
        "type": f"autolearn.{name}.v1",
        "subject": f"session/{SESSION}",
        "causationid": f"c-{name}",
        "data": data,
    }


def story(*events: dict) -> Log:
    return Log({}, {}, [], {0: list(events)})


@pytest.mark.parametrize(
    ("events", "ends"),
    [
        ((requested("t"),), 0),
        ((requested("t"), event("RunCompleted", {"run": "t"})), 1),
        ((requested("t"), event("SessionDiscarded", {"cancelled": ["t"]})), 1),
        (
            (requested("t"), event("RunFailed", {"run": "t"}), event("RunCancelled", {"run": "t"})),
            2,
        ),
    ],
)
def test_a_run_must_have_one_end(events: tuple[dict, ...], ends: int):
    assert [len(found) for found in ends_of(events).values()] == [ends]
    if ends != 1:
        with pytest.raises(Broken, match=f"has ended {ends} times"):
            verify(story(*events), [], Counter())


def opened(title: str) -> dict:
    return event("SessionOpened", {"title": title})


OPENED = Receipt("open", "", "key", 201, {"id": SESSION})
TRAINED = Receipt("train", SESSION, "key", 201, {"id": "t"})
DONE = event("RunCompleted", {"run": "t"})
DISCARDED = event("SessionDiscarded", {"cancelled": []})


@pytest.mark.parametrize(
    ("log", "receipts", "sent", "words"),
    [
        (story(), [OPENED], {}, "a client saw 201"),
        (story(opened("another")), [OPENED], {}, "a client saw 201"),
        (story(opened("key")), [OPENED, TRAINED], {}, "a client saw 201"),
        (story(opened("key"), opened("key")), [], {}, "opened two sessions"),
        (story(DISCARDED, DISCARDED), [], {("discard", SESSION): 1}, "had 2 effects"),
    ],
)
def test_what_is_lost_or_twice_is_found(log: Log, receipts: list, sent: dict, words: str):
    with pytest.raises(Broken, match=words):
        verify(log, receipts, Counter(sent))


def test_what_is_right_is_counted():
    found = verify(
        story(opened("key"), requested("t"), DONE),
        [OPENED, TRAINED],
        Counter({("train", SESSION): 1}),
    )
    assert (found.runs, found.receipts) == (1, 2)


def test_an_attempt_without_a_task_and_a_task_of_no_run_are_found():
    started = event("RunStarted", {"run": "t", "attempt": 1})
    log = story(requested("t"), started, DONE)
    with pytest.raises(Broken, match="without a task"):
        verify(log, [], Counter())
    stray = [{"run": run, "attempt": 1} for run in ("t", "x")]
    with pytest.raises(Broken, match="nobody requested"):
        verify(log._replace(tasks=stray), [], Counter())

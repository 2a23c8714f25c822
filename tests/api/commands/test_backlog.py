"""What is let through to the log, and when no more: without a broker."""

import asyncio

import pytest

from autolearn.api.commands.answer_waiters import AnswerWaiters
from autolearn.api.commands.backlog import PROBE, Backlog
from autolearn.api.commands.bounded_producer import BoundedProducer, LogBusy, Sending
from autolearn.api.http.problems import Problem
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.log import Delivered
from autolearn.eventlog.memory.partitioner import partition_of

LIMIT = 10
STREAM = next(s for n in range(100) if partition_of(s := f"session/{n}", 2) == 0)
OTHER = next(s for n in range(100) if partition_of(s := f"session/{n}", 2) == 1)


class Deciders:
    """What the read models know: the last command answered of partition 0, and which ids are."""

    def __init__(self) -> None:
        self.last = -1
        self.now = 0.0
        self.ids: set[str] = set()
        self.backlog = Backlog(
            2,
            LIMIT,
            lambda: {0: PartitionProgress(last=self.last)},
            self.ids.__contains__,
            lambda: self.now,
        )

    def refuses(self, stream: str, command: str = "c") -> bool:
        try:
            self.backlog.require_room(stream, command)
        except Problem as problem:
            return problem.kind == "deciders-behind"
        return False


def test_a_partition_is_closed_when_too_many_wait_and_open_again_when_they_are_answered():
    deciders = Deciders()
    deciders.backlog.wrote(0, LIMIT - 2)
    assert not deciders.refuses(STREAM)
    deciders.backlog.wrote(0, LIMIT - 1)
    assert not deciders.refuses(STREAM, "the probe")
    with pytest.raises(Problem, match="10 commands wait") as refused:
        deciders.backlog.require_room(STREAM, "c")
    assert refused.value.status_code == 503
    assert int((refused.value.headers or {})["Retry-After"]) > 0
    assert not deciders.refuses(OTHER)
    assert deciders.backlog.undecided() == {0: LIMIT, 1: 0}
    deciders.last = 0
    assert not deciders.refuses(STREAM)


def test_commands_that_nobody_answers_do_not_close_a_partition_for_ever():
    deciders = Deciders()
    deciders.backlog.wrote(0, 3 * LIMIT)  # all sent twice: deciders pass over them
    assert not deciders.refuses(STREAM, "probe")
    deciders.backlog.wrote(0, 3 * LIMIT + 1)
    assert deciders.refuses(STREAM)
    deciders.ids.add("probe")
    deciders.last = 3 * LIMIT + 1
    assert [deciders.refuses(STREAM, f"{n}") for n in range(50)] == [False] * 50


def test_a_probe_that_was_answered_already_is_followed_by_another():
    deciders = Deciders()
    deciders.backlog.wrote(0, LIMIT)
    assert not deciders.refuses(STREAM, "sent twice")
    assert deciders.refuses(STREAM)
    deciders.ids.add("sent twice")
    assert not deciders.refuses(STREAM, "next probe")
    assert deciders.refuses(STREAM)


def test_deciders_that_stand_still_get_one_probe_in_a_while():
    deciders = Deciders()
    deciders.backlog.wrote(0, LIMIT)
    let_through = []
    for deciders.now in range(int(2.5 * PROBE)):
        if not deciders.refuses(STREAM):
            let_through.append(deciders.now)
    assert let_through == [0, PROBE, 2 * PROBE]


def send(appends: BoundedProducer, command: str, size: int = 1) -> tuple[Sending, Delivered]:
    appends.require_room(size)
    return appends.add(command, size, lambda *_: None)


def test_appends_are_bounded_in_number_and_in_bytes():
    async def story() -> None:
        appends = BoundedProducer(3, 100, patience=60)
        sent = [send(appends, f"{n}", 30) for n in range(3)]
        with pytest.raises(LogBusy, match="3 commands") as refused:
            send(appends, "one more")
        assert refused.value.kind == "log-behind"
        sent[0][1](None, 0, 0)
        with pytest.raises(LogBusy, match="60 bytes"):
            send(appends, "a large one", 41)
        send(appends, "one that fits", 40)
        assert sent[0][0].at == (0, 0)
        for _, delivered in sent[1:]:
            delivered(None, 0, 0)
        assert (len(appends.sendings), appends.bytes) == (1, 40)

    asyncio.run(story())


def test_nothing_is_sent_behind_what_the_log_does_not_take():
    async def story() -> None:
        appends = BoundedProducer(10, 1000, patience=0.05)
        sending, delivered = send(appends, "a")
        await sending.over(0.1)
        assert appends.stalled
        with pytest.raises(LogBusy, match="same Idempotency-Key"):
            send(appends, "b")
        delivered(None, 1, 7)
        assert not appends.stalled
        await sending.over(60)
        assert sending.at == (1, 7)
        send(appends, "b")

    asyncio.run(story())


def test_the_first_who_gives_up_leaves_the_others_waiting():
    async def story() -> None:
        arrivals = AnswerWaiters()
        with arrivals.expected("c") as patient:
            with arrivals.expected("c") as other:
                assert other is patient
            arrivals.settle(arrivals.answers, "c")
            assert patient.done()
            with arrivals.expected("c") as new:
                arrivals.give_up()
                assert new.done()
        assert (arrivals.answers, arrivals.waiting) == ({}, {})

    asyncio.run(story())

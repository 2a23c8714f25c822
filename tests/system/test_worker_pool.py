"""Several real workers: no free slot waits, no session starves, and nothing ends twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from autolearn.eventlog.kafka.log import KafkaLog
from tests.support.waiting import until
from tests.support.worker_pool import Course, WorkerPool, sleep, worker_pool

pytestmark = [pytest.mark.kafka, pytest.mark.long]


@pytest.fixture(scope="module")
def pool(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    with worker_pool(kafka, tmp_path_factory.mktemp("pool"), 2) as running:
        yield running


def wait(pool: WorkerPool, session: str, runs: list[str]) -> None:
    at = pool.client.session(id=session)
    assert {at.training(run).wait(90).status for run in runs} == {"completed"}


def new_session(pool: WorkerPool) -> str:
    return pool.client.sessions.open().id


def workers(pool: WorkerPool, session: str) -> set[str]:
    """The workers, once both that the pool began with have had a run."""
    while len(found := Course(pool.client).workers()) < 2:
        wait(pool, session, sleep(pool.client, session, 0.2, 2))
    return found


def test_short_runs_do_not_wait_for_a_long_one(pool: WorkerPool):
    session = new_session(pool)
    [long] = sleep(pool.client, session, 60)
    short = sleep(pool.client, session, 0.05, 40)
    wait(pool, session, short)
    assert pool.client.session(id=session).training(long).cancel().status == "cancelled"
    assert Course(pool.client).longest_idle() <= 2.0


def test_one_run_does_not_wait_for_a_session_with_many(pool: WorkerPool):
    many, one = new_session(pool), new_session(pool)
    queued = sleep(pool.client, many, 0.05, 40)
    [single] = sleep(pool.client, one, 0.05)
    wait(pool, one, [single])
    wait(pool, many, queued)
    course = Course(pool.client)
    requested, started = course.requested[single], course.started[single][0][0]
    before = [run for run in queued if requested < course.started[run][0][0] < started]
    assert len(before) <= 4, "those that were offered already, and one for each slot"


def test_after_the_agents_were_killed_all_that_waits_is_done_once(pool: WorkerPool):
    session = new_session(pool)
    runs = sleep(pool.client, session, 0.05, 20)
    os.kill(pool.system.pid("agents"), signal.SIGKILL)
    wait(pool, session, runs)
    course = Course(pool.client)
    assert [len(course.ended[run]) for run in runs] == [1] * 20
    assert [len(course.started[run]) for run in runs] == [1] * 20


def test_tasks_that_come_again_after_their_runs_have_ended_do_no_harm(kafka: str, pool: WorkerPool):
    session = new_session(pool)
    runs = sleep(pool.client, session, 0.05, 4)
    wait(pool, session, runs)
    log, topic = KafkaLog(kafka), f"{pool.system.settings.kafka.topic_prefix}.tasks"
    reader, left = log.reader(topic, log.begins(topic)), sum(log.ends(topic).values())
    while left:
        for message in reader.read(left, 1.0):
            left -= 1
            log.append(topic, message.value, key=message.key, partition=message.partition)
    reader.close()
    log.close()
    wait(pool, session, sleep(pool.client, session, 0.05, 4))
    course = Course(pool.client)
    assert [len(course.started[run]) for run in runs] == [1] * 4
    assert [len(course.ended[run]) for run in runs] == [1] * 4


def test_what_a_killed_worker_held_is_done_elsewhere_and_once(pool: WorkerPool):
    session = new_session(pool)
    before = workers(pool, session)
    pool.start("2")

    def held() -> list[str]:
        """The runs that the new worker has started."""
        started = Course(pool.client).started
        return [run for run in runs if started[run] and started[run][0][1] not in before]

    runs = sleep(pool.client, session, 4, 3)
    until(held)
    pool.workers["2"].kill()
    [lost] = held()
    wait(pool, session, runs)
    course = Course(pool.client)
    assert [len(course.ended[run]) for run in runs] == [1] * 3
    assert [len(course.started[run]) for run in runs] == [2 if run == lost else 1 for run in runs]
    assert course.started[lost][1][1] in before


def test_a_worker_that_wakes_up_too_late_gives_up_what_others_do(pool: WorkerPool):
    session = new_session(pool)
    before = workers(pool, session)
    pool.start("3")
    runs = sleep(pool.client, session, 60, 3)
    until(lambda: all(Course(pool.client).started[run] for run in runs))
    course = Course(pool.client)
    [late] = course.workers() - before
    [lost] = [run for run in runs if course.started[run][0][1] == late]
    pool.workers["3"].process.send_signal(signal.SIGSTOP)
    pool.client.session(id=session).training(next(run for run in runs if run != lost)).cancel()
    until(lambda: len(Course(pool.client).started[lost]) == 2)
    pool.workers["3"].process.send_signal(signal.SIGCONT)
    short = sleep(pool.client, session, 0.05)  # everybody else is busy with 60 s
    wait(pool, session, short)
    course = Course(pool.client)
    assert course.started[short[0]][0][1] == late
    assert course.ended[lost] == []
    pool.client.session(id=session).discard()

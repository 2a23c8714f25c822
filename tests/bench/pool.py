"""The worker pool's figures: more workers, long runs beside short ones, and workers that die."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path

from autolearn.schemas.settings import Settings
from tests.support.waiting import until
from tests.support.worker_pool import Course, WorkerPool, sleep, worker_pool

SHORT, LONG = 0.05, 60.0
"""Seconds that runs take: they sleep, so that the machine's cores are not what is measured."""
KILLS = 6


async def pool() -> dict[str, float]:
    """Measure one system, with the default settings but one slot per worker."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    """Start with one worker, and go on with more."""
    defaults = Settings()
    times = {
        "session_timeout": defaults.kafka.session_timeout,
        "worker_timeout": defaults.workers.timeout,
        "heartbeat": defaults.workers.heartbeat,
    }
    with (
        tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder,
        worker_pool("", Path(folder), 1, **times) as pool,
    ):
        sleep_all(pool, 20)
        figures = {"pool_trainings_per_s_1": rate(pool, 100)}
        pool.start("1")
        figures["pool_trainings_per_s_2"] = rate(pool, 200)
        figures |= long_and_short(pool)
        figures |= one_beside_many(pool)
        pool.start("2", "3")
        figures["pool_trainings_per_s_4"] = rate(pool, 300)
        figures["worker_recovery_max_s"] = max(recovery(pool) for _ in range(KILLS))
    return figures


def sleep_all(pool: WorkerPool, count: int) -> list[str]:
    """Ask for short runs, and wait until all have ended."""
    session = pool.client.sessions.open()
    runs = sleep(pool.client, session.id, SHORT, count)
    for run in runs:
        assert session.training(run).wait(120).status == "completed"
    return runs


def rate(pool: WorkerPool, count: int) -> float:
    """How many short runs end each second, once all of them have been asked for."""
    runs = sleep_all(pool, count)
    course = Course(pool.client)
    asked = max(course.requested[run] for run in runs)
    ends = sorted(course.ended[run][0] for run in runs)
    after = [end for end in ends if end > asked]
    return len(after) / (ends[-1] - asked)


def long_and_short(pool: WorkerPool, count: int = 40) -> dict[str, float]:
    """Short runs on two workers, one of which does a long one."""
    session = pool.client.sessions.open()
    [long] = sleep(pool.client, session.id, LONG)
    until(lambda: Course(pool.client).started[long])
    runs = sleep_all(pool, count)
    session.training(long).cancel()
    course = Course(pool.client)
    asked = min(course.requested[run] for run in runs)
    return {
        "pool_short_beside_long_s": max(course.ended[run][0] for run in runs) - asked,
        "pool_idle_max_s": course.longest_idle(),
    }


def one_beside_many(pool: WorkerPool, count: int = 1000) -> dict[str, float]:
    """The only run of a session, asked for while another session has very many in the queue."""
    many, one = (pool.client.sessions.open() for _ in range(2))
    queued = sleep(pool.client, many.id, SHORT, count)
    [single] = sleep(pool.client, one.id, SHORT)
    assert one.training(single).wait(120).status == "completed"
    course = Course(pool.client)
    asked, began = course.requested[single], course.started[single][0][0]
    starts = [course.started[run][0][0] if course.started[run] else began for run in queued]
    many.discard()
    return {
        "pool_one_queued_before": sum(start > asked for start in starts),
        "pool_one_overtaken_by": sum(asked < start < began for start in starts),
        "pool_one_beside_many_s": began - asked,
    }


def recovery(pool: WorkerPool) -> float:
    """Seconds from the kill -9 of a worker until another one has started what it held."""
    session = pool.client.sessions.open()
    [run] = sleep(pool.client, session.id, LONG)
    until(lambda: Course(pool.client).started[run])
    instance = Course(pool.client).started[run][0][1].split("-")[-2]
    killed = time.time()
    if instance == "0":  # `autolearn up` starts it again at once
        os.kill(pool.system.pid("workers"), signal.SIGKILL)
    else:
        pool.workers[instance].kill()
    until(lambda: len(Course(pool.client).started[run]) == 2, pause=0.2)
    took = Course(pool.client).started[run][1][0] - killed
    session.training(run).cancel()
    assert len(Course(pool.client).ended[run]) == 1
    if instance != "0":
        pool.start(instance)
    return took

"""How many workers a pool should have. Pure: the queue, the workers and the time are arguments."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from autolearn.projections.work.open_runs import OpenRun
from autolearn.schemas.records.heartbeat import Heartbeat
from autolearn.schemas.work_kinds import OF_WORKERS, WORK
from autolearn.schemas.workers.labels import fits, labels_in


class Pool(NamedTuple):
    """Workers of one kind: all have the `labels` and so many `slots`.

    There are `least` at least and `most` at most.
    """

    labels: dict[str, str]
    slots: int
    least: int
    most: int


class Need(NamedTuple):
    """The waiting runs that are for a pool, and how many workers it should start for them."""

    waiting: int
    workers: int


def need_of(
    pool: Pool,
    runs: Iterable[OpenRun],
    beats: Iterable[Heartbeat],
    jobs: int,
    limit: Callable[[str], int] = lambda _: sys.maxsize,
) -> Need:
    """Return how many workers to start, where `jobs` of the pool run, or are to start.

    A run is for the pool if a worker of it has its labels. Runs that a free slot will take, of
    whichever worker, need none; neither do those beyond the limit of their user. A study takes no
    slot, and needs a worker.
    """
    open_runs, workers = [*runs], [*beats]
    waiting, others = _waiting(pool, open_runs, limit)
    free = {beat.worker: _free(beat) for beat in workers}
    missing = sum(_left(text, many, workers, free) for text, many in _hardest_first(waiting))
    heard = sum(fits(pool.labels, beat.labels) for beat in workers)
    starting = max(0, jobs - heard)
    wanted = math.ceil(max(0, missing - starting * pool.slots) / pool.slots)
    if others and not (wanted or jobs or workers):
        wanted = 1
    wanted = max(wanted, pool.least - jobs)
    return Need(waiting.total() + others, max(0, min(wanted, pool.most - jobs)))


def _waiting(
    pool: Pool, runs: list[OpenRun], limit: Callable[[str], int]
) -> tuple[Counter[str], int]:
    """Return the waiting runs for a pool by the text of their labels; and those without a slot."""
    taken = Counter(run.user for run in runs if run.worker and WORK[run.kind].takes_slot)
    found, others = Counter[str](), 0
    for run in runs:
        if run.worker or run.kind not in OF_WORKERS:
            continue
        if not fits(labels_in(run.labels), pool.labels):
            continue
        if not WORK[run.kind].takes_slot:
            others += 1
        elif taken[run.user] < limit(run.user):
            taken[run.user] += 1
            found[run.labels] += 1
    return found, others


def _hardest_first(waiting: Counter[str]) -> list[tuple[str, int]]:
    return sorted(waiting.items(), key=lambda one: (-len(labels_in(one[0])), one[0]))


def _free(beat: Heartbeat) -> int:
    """Return the free slots of a worker."""
    busy = sum(WORK[run.kind].takes_slot for run in beat.runs if run.kind in WORK)
    return 0 if beat.disk_low or not beat.kinds else max(0, beat.slots - busy)


def _left(text: str, many: int, workers: list[Heartbeat], free: dict[str, int]) -> int:
    """Return how many of the runs with these labels find no free slot; others are taken."""
    asked = labels_in(text)
    able = (beat for beat in workers if free[beat.worker] and fits(asked, beat.labels))
    for beat in sorted(able, key=lambda beat: len(beat.labels)):
        taken = min(many, free[beat.worker])
        free[beat.worker] -= taken
        many -= taken
    return many

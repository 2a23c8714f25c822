"""The pool of workers: free slots, and the offers of waiting attempts.

Pure: events and the time are arguments. It offers no more than there are free slots, so no run
waits behind another one while a slot is free elsewhere; all others wait in `FairQueue`. Kinds of
work that take no slot are counted apart, and so are the limits of users: what waits for others must
not keep them from running. An attempt that asks for labels is offered to workers that have them.

An offer is not a promise. It may get lost, or reach a worker that has died: after OFFER_SECONDS
without a start the attempt is offered again. Two workers may then claim it; one is accepted.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from autolearn.agents.dispatch.fair_queue import FairQueue, Key, Lane, QueuedAttempt
from autolearn.projections.work.open_runs import OpenRun
from autolearn.schemas.records.heartbeat import Heartbeat
from autolearn.schemas.values import RunId, StreamId
from autolearn.schemas.work_kinds import OF_WORKERS, WORK
from autolearn.schemas.workers.labels import fits, labels_in

_MOST_STUDIES = 16
"""Studies that a worker conducts at a time. They take no slot: their trials need one."""
_MOST_LANES = 1000
"""Lanes that are remembered of a worker."""
OFFER_SECONDS = 0.7
"""Seconds that an offer keeps a slot: many times what a task and its claim take (about 20 ms), and
so short that a slot is idle for less than 2 s even when two offers in a row get lost."""


class TaskOffer(NamedTuple):
    """An attempt for a worker: to be sent to `partition` of `tasks`."""

    attempt: QueuedAttempt
    worker: str
    partition: int


class _OutstandingOffer(NamedTuple):
    """An offer, and its end."""

    offer: TaskOffer
    until: float


class _PooledWorker:
    """A worker with recent heartbeats."""

    def __init__(self) -> None:
        self.beat: Heartbeat
        self.heard = self.offered = 0.0
        self.doubted = False
        """It let an offer pass, and was not heard since."""
        self.able: dict[Lane, bool] = {}
        """Whether it can do what waits in a lane, as far as that was asked."""

    def can(self, lane: Lane) -> bool:
        """Return whether it does the work of a lane, and has its labels."""
        if lane not in self.able:
            if len(self.able) >= _MOST_LANES:
                self.able.clear()
            has = fits(labels_in(lane.labels), self.beat.labels)
            self.able[lane] = lane.kind in self.beat.kinds and has
        return self.able[lane]


class WorkerPool:
    """Workers by their heartbeats, and open runs by their events.

    A worker that was silent for `silence` seconds gets no offers. `limit` bounds the runs of a user
    that are held or offered at a time: beyond it they wait, and others take the slots.
    """

    def __init__(self, silence: float, limit: Callable[[str], int] = lambda _: sys.maxsize) -> None:
        self.silence, self.limit = silence, limit
        self.turns = FairQueue()
        self.members: dict[str, _PooledWorker] = {}
        self.holders: dict[Key, tuple[str, str, str]] = {}
        """Who holds a run, whose it is, and its kind."""
        self.made: dict[Key, _OutstandingOffer] = {}
        self.load: Counter[tuple[str, bool]] = Counter()
        """Per worker, the runs that it holds or was offered: those with a slot, and the others."""
        self.taken: Counter[tuple[str, bool]] = Counter()
        """Per user, the runs that are held or offered, in the same way."""

    def heard(self, beat: Heartbeat, now: float) -> None:
        """Process a heartbeat; that of the supervising process is ignored."""
        if beat.supervision is not None:
            return
        if beat.stopped:
            self.members.pop(beat.worker, None)
            return
        member = self.members.setdefault(beat.worker, _PooledWorker())
        if not member.heard or (member.beat.kinds, member.beat.labels) != (beat.kinds, beat.labels):
            member.able.clear()
        member.beat, member.heard, member.doubted = beat, now, False

    def forget_workers(self) -> None:
        """Forget all workers: heartbeats are not delivered here any more."""
        self.members.clear()
        for run in list(self.made):
            self.turns.put_back(self._release_offer(run))

    def see(self, stream: StreamId, run: RunId, now_open: OpenRun | None) -> None:
        """Process the state of a run; None: it has ended. Repeating it is harmless.

        Runs of pipelines are not offered, and do not count: they wait for studies of the same user.
        """
        if now_open is not None and now_open.kind not in OF_WORKERS:
            return
        key = (stream, run)
        if now_open is None or now_open.worker:
            self.release(key)
            self.turns.drop(key)
            if now_open is not None:
                self.holders[key] = (now_open.worker, now_open.user, now_open.kind)
                self._load_with(*self.holders[key])
            return
        attempt = QueuedAttempt(
            *(now_open.kind, stream, run, now_open.attempt, now_open.user, now_open.labels),
            pipeline=now_open.pipeline,
        )
        made = self.made.get(key)
        if attempt == self.turns.get(key) or (made is not None and attempt == made.offer.attempt):
            return
        self.release(key)
        if attempt.number > 1:
            self.turns.put_back(attempt)
        else:
            self.turns.add(attempt)

    def release(self, run: Key) -> None:
        """Free the slot of a run, if it has one."""
        if run in self.made:
            self._release_offer(run)
        if run in self.holders:
            self._unload(*self.holders.pop(run))

    def _release_offer(self, run: Key) -> QueuedAttempt:
        offer = self.made.pop(run).offer
        self._unload(offer.worker, offer.attempt.user, offer.attempt.kind)
        return offer.attempt

    def _load_with(self, worker: str, user: str, kind: str) -> None:
        slot = WORK[kind].takes_slot
        self.load[worker, slot] += 1
        self.taken[user, slot] += 1

    def _unload(self, worker: str, user: str, kind: str) -> None:
        slot = WORK[kind].takes_slot
        for counter, name in ((self.load, worker), (self.taken, user)):
            counter[name, slot] -= 1
            if not counter[name, slot]:
                del counter[name, slot]

    def offers(self, now: float) -> list[TaskOffer]:
        """Make offers until no free slot can be given a waiting attempt."""
        self._look_at_the_clock(now)
        return [*self._offers(now, slot=True), *self._offers(now, slot=False)]

    def _offers(self, now: float, *, slot: bool) -> Iterator[TaskOffer]:
        """Make the offers of the kinds of work that take a slot, or of the others."""

        def at_limit(user: str) -> bool:
            return self.taken[user, slot] >= self.limit(user)

        while self.turns:
            free = [member for member in self.members.values() if self.free(member, slot=slot)]
            lanes = (lane for lane in self.turns.lanes() if WORK[lane.kind].takes_slot == slot)
            fitting = [lane for lane in lanes if any(member.can(lane) for member in free)]
            attempt = self.turns.take(fitting, at_limit)
            if attempt is None:
                break
            yield self.offer(attempt, free, now)

    def offer(self, attempt: QueuedAttempt, free: list[_PooledWorker], now: float) -> TaskOffer:
        """Offer an attempt to the best worker with a free slot."""

        def cost(member: _PooledWorker) -> tuple[bool, int, int, int, float]:
            # First those that can do little else: few kinds of work, few labels that others lack.
            # Then the one with most free slots, or the longest waiting.
            kinds, labels = len(member.beat.kinds), len(member.beat.labels)
            return member.doubted, kinds, labels, -self.free(member, slot=slot), member.offered

        slot = WORK[attempt.kind].takes_slot
        able = [member for member in free if member.can(attempt.lane)]
        member = min(able, key=cost)
        member.offered = now
        worker = member.beat.worker
        offer = TaskOffer(attempt, worker, member.beat.partitions[0])
        self.made[attempt.key] = _OutstandingOffer(offer, now + OFFER_SECONDS)
        self._load_with(worker, attempt.user, attempt.kind)
        return offer

    def free(self, member: _PooledWorker, *, slot: bool = True) -> int:
        """Return the free slots of a worker; 0 while no task can reach it, or its disk is low."""
        takes = member.beat.partitions and not member.beat.disk_low
        most = member.beat.slots if slot else _MOST_STUDIES
        return max(0, most - self.load[member.beat.worker, slot]) if takes else 0

    def _look_at_the_clock(self, now: float) -> None:
        """Withdraw offers that were not taken, and forget silent workers."""
        for run, made in list(self.made.items()):
            if made.until > now:
                break  # they are in the order of their creation
            self.turns.put_back(self._release_offer(run))
            if made.offer.worker in self.members:
                self.members[made.offer.worker].doubted = True
        for worker, member in list(self.members.items()):
            if now - member.heard > self.silence:
                del self.members[worker]

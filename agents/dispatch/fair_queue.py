"""Attempts that wait for a worker, served fairly between users, then sessions.

Round robin over users, over the sessions of each, and first come first served within one (J. Nagle,
RFC 970: a queue for each source instead of one for all): however many runs a user has queued, in
any number of sessions, another user's only run waits for at most one run of each kind from each
user. Pure; every operation takes constant time, but for the skipped users.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from itertools import count
from typing import NamedTuple

from autolearn.schemas.values import RunId, StreamId

Key = tuple[StreamId, RunId]
"""A run: its stream and its id."""


class QueuedAttempt(NamedTuple):
    """One attempt of a run without a worker. `user` has requested it."""

    kind: str
    stream: StreamId
    run: RunId
    number: int
    user: str = ""

    @property
    def key(self) -> Key:
        """The run."""
        return self.stream, self.run


class _Sessions:
    """The waiting runs of one user and kind of work: the sessions, in the order of their turns.

    `turn` orders it among the users.
    """

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.queues: OrderedDict[str, OrderedDict[Key, QueuedAttempt]] = OrderedDict()


def _nobody(_: str) -> bool:
    """Skip no user."""
    return False


class FairQueue:
    """The attempts that wait, at most one of each run.

    While a user waits for a kind of work that is served, no other user is served twice with the
    same kind, and of a user's sessions none twice while another waits; only an attempt that had its
    turn before (`put_back`) comes before all others. Each kind has turns of its own: a user's
    evaluations cannot delay their trainings, which other workers may do.
    """

    def __init__(self) -> None:
        self.waiting: dict[Key, QueuedAttempt] = {}
        self.again: defaultdict[str, OrderedDict[Key, QueuedAttempt]] = defaultdict(OrderedDict)
        # Per kind of work the users, in the order of their turns.
        self.rings: defaultdict[str, OrderedDict[str, _Sessions]] = defaultdict(OrderedDict)
        self.numbers = count()

    def __len__(self) -> int:
        return len(self.waiting)

    def get(self, run: Key) -> QueuedAttempt | None:
        """Return the attempt of a run that waits, or None."""
        return self.waiting.get(run)

    def add(self, attempt: QueuedAttempt) -> None:
        """Queue an attempt behind all of its session, in place of another one of its run."""
        self.drop(attempt.key)
        self.waiting[attempt.key] = attempt
        ring = self.rings[attempt.kind]
        if attempt.user not in ring:
            ring[attempt.user] = _Sessions(next(self.numbers))
        queues = ring[attempt.user].queues
        queues.setdefault(attempt.stream, OrderedDict())[attempt.key] = attempt

    def put_back(self, attempt: QueuedAttempt) -> None:
        """Queue an attempt before all others: its run had its turn."""
        self.drop(attempt.key)
        self.waiting[attempt.key] = attempt
        self.again[attempt.kind][attempt.key] = attempt

    def drop(self, run: Key) -> None:
        """Remove a run; one that does not wait is ignored."""
        attempt = self.waiting.pop(run, None)
        if attempt is None or self.again[attempt.kind].pop(run, None) is not None:
            return
        ring = self.rings[attempt.kind]
        queues = ring[attempt.user].queues
        del queues[attempt.stream][run]
        if not queues[attempt.stream]:
            del queues[attempt.stream]
        if not queues:
            del ring[attempt.user]

    def take(
        self, kinds: Iterable[str], passed: Callable[[str], bool] = _nobody
    ) -> QueuedAttempt | None:
        """Take out the next attempt of one of these kinds; None if none waits.

        Users for whom `passed` is true are skipped, and keep their turn.
        """
        chosen = self.first(list(kinds), passed)
        if chosen is None:
            return None
        is_fresh = chosen.key not in self.again[chosen.kind]
        self.drop(chosen.key)
        ring = self.rings[chosen.kind]
        if is_fresh and chosen.user in ring:
            ring[chosen.user].turn = next(self.numbers)
            ring.move_to_end(chosen.user)
            if chosen.stream in ring[chosen.user].queues:
                ring[chosen.user].queues.move_to_end(chosen.stream)
        return chosen

    def first(self, kinds: list[str], passed: Callable[[str], bool]) -> QueuedAttempt | None:
        """Return the next attempt of one of these kinds."""
        for kind in kinds:
            for attempt in self.again[kind].values():
                if not passed(attempt.user):
                    return attempt
        heads = []
        for kind in kinds:
            ready = (mine for user, mine in self.rings[kind].items() if not passed(user))
            heads += [head for head in (next(ready, None),) if head is not None]
        if not heads:
            return None
        queues = min(heads, key=lambda mine: mine.turn).queues
        return next(iter(next(iter(queues.values())).values()))

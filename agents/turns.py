"""Whose turn it is: attempts that wait for a worker, served fairly between sessions.

Round robin over sessions, first come first served within one (J. Nagle, RFC 970: a queue for each
source instead of one for all): however much a session has queued, another one's only run waits for
at most one run of each kind from each session. Pure, and every operation takes constant time.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

__all__ = ["Attempt", "Key", "Turns"]

Key = tuple[str, str]
"""A run: its stream and its id."""


class Attempt(NamedTuple):
    """One attempt of a run that nobody works on yet."""

    kind: str
    stream: str
    run: str
    number: int

    @property
    def key(self) -> Key:
        """The run."""
        return self.stream, self.run


class Queue:
    """What one session has waiting of one kind of work. `turn` orders it among the sessions."""

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.attempts: OrderedDict[Key, Attempt] = OrderedDict()


class Turns:
    """The attempts that wait, at most one of each run.

    While a session waits for a kind of work that is served, no other session is served twice with
    the same kind; only an attempt that had its turn before (`put_back`) comes before all others.
    Each kind has turns of its own: a session's evaluations cannot hold up its trainings, which
    other workers may do.
    """

    def __init__(self) -> None:
        self.waiting: dict[Key, Attempt] = {}
        self.again: defaultdict[str, OrderedDict[Key, Attempt]] = defaultdict(OrderedDict)
        # Per kind of work the sessions, in the order of their turns.
        self.rings: defaultdict[str, OrderedDict[str, Queue]] = defaultdict(OrderedDict)
        self.numbers = count()

    def __len__(self) -> int:
        return len(self.waiting)

    def get(self, run: Key) -> Attempt | None:
        """Return the attempt of a run that waits, or None."""
        return self.waiting.get(run)

    def add(self, attempt: Attempt) -> None:
        """Let an attempt wait behind all of its session, instead of another one of its run."""
        self.drop(attempt.key)
        self.waiting[attempt.key] = attempt
        ring = self.rings[attempt.kind]
        if attempt.stream not in ring:
            ring[attempt.stream] = Queue(next(self.numbers))
        ring[attempt.stream].attempts[attempt.key] = attempt

    def put_back(self, attempt: Attempt) -> None:
        """Let an attempt wait before all others: its run had its turn."""
        self.drop(attempt.key)
        self.waiting[attempt.key] = attempt
        self.again[attempt.kind][attempt.key] = attempt

    def drop(self, run: Key) -> None:
        """Forget a run; one that does not wait is ignored."""
        attempt = self.waiting.pop(run, None)
        if attempt is None or self.again[attempt.kind].pop(run, None) is not None:
            return
        ring = self.rings[attempt.kind]
        del ring[attempt.stream].attempts[run]
        if not ring[attempt.stream].attempts:
            del ring[attempt.stream]

    def take(self, kinds: Iterable[str]) -> Attempt | None:
        """Take out the attempt of one of these kinds whose turn it is; None if none waits."""
        chosen = self.first(list(kinds))
        if chosen is None:
            return None
        is_fresh = chosen.key not in self.again[chosen.kind]
        self.drop(chosen.key)
        ring = self.rings[chosen.kind]
        if is_fresh and chosen.stream in ring:
            ring[chosen.stream].turn = next(self.numbers)
            ring.move_to_end(chosen.stream)
        return chosen

    def first(self, kinds: list[str]) -> Attempt | None:
        """Return the attempt of one of these kinds whose turn it is."""
        for kind in kinds:
            if self.again[kind]:
                return next(iter(self.again[kind].values()))
        heads = [next(iter(self.rings[kind].values())) for kind in kinds if self.rings[kind]]
        if not heads:
            return None
        return next(iter(min(heads, key=lambda queue: queue.turn).attempts.values()))

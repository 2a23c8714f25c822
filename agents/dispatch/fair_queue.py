"""Attempts that wait for a worker, served fairly between users, then sessions and pipelines.

Round robin over users, over the sessions and pipelines of each, and first come first served within
one (J. Nagle, RFC 970: a queue for each source instead of one for all): however many runs a user
has queued, in any number of sessions, another user's only run waits for at most one run of each
kind from each user. Pure; what waits for other workers costs nothing: every operation takes a time
that grows with the lanes (not with the attempts), and with the skipped users.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from typing import NamedTuple, TypeVar

from autolearn.schemas.values import RunId, StreamId

_K = TypeVar("_K")
_V = TypeVar("_V")
Key = tuple[StreamId, RunId]
"""A run: its stream and its id."""


class Lane(NamedTuple):
    """What a worker must do and have: a kind of work, and the text of labels."""

    kind: str
    labels: str = ""


class QueuedAttempt(NamedTuple):
    """One attempt of a run without a worker. `user` has requested it.

    The runs of a `pipeline` (pipeline/<name>) take its turns, in whichever session they are: one
    that runs often cannot delay its user's other sessions.
    """

    kind: str
    stream: StreamId
    run: RunId
    number: int
    user: str = ""
    labels: str = ""
    pipeline: str = ""

    @property
    def source(self) -> str:
        """The session or pipeline whose turns it takes."""
        return self.pipeline or self.stream

    @property
    def key(self) -> Key:
        """The run."""
        return self.stream, self.run

    @property
    def lane(self) -> Lane:
        """The workers that it is for."""
        return Lane(self.kind, self.labels)


_Arrivals = OrderedDict[Key, int]
"""Runs in the order in which they came, each with its number in that order."""


class _Session:
    """The waiting runs of one session in one lane. `turn` orders it among those of its user."""

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.runs: _Arrivals = OrderedDict()


class _User:
    """The waiting runs of one user in one lane: the sessions, in the order of their turns.

    `turn` orders it among the users.
    """

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.sessions: OrderedDict[str, _Session] = OrderedDict()


def _nobody(_: str) -> bool:
    """Skip no user."""
    return False


class FairQueue:
    """The attempts that wait, at most one of each run.

    While a user waits for a kind of work that is served, no other user is served twice with the
    same kind, and of a user's sessions and pipelines none twice while another waits; only an
    attempt that had its turn before (`put_back`) comes before all others. Each kind has turns of
    its own: a user's evaluations cannot delay their trainings, which other workers may do.

    What is served is said by lanes. A turn counts in all lanes of a kind, so that nobody gets more
    by asking for other labels; to wait in a lane that is not served takes nobody's turn.
    """

    def __init__(self) -> None:
        self.waiting: dict[Key, QueuedAttempt] = {}
        self.again: dict[Lane, _Arrivals] = {}
        # Per lane the users, in the order of their turns.
        self.rings: dict[Lane, OrderedDict[str, _User]] = {}
        self.numbers = count()

    def __len__(self) -> int:
        return len(self.waiting)

    def lanes(self) -> set[Lane]:
        """Return the lanes in which an attempt waits."""
        return {*self.again, *self.rings}

    def get(self, run: Key) -> QueuedAttempt | None:
        """Return the attempt of a run that waits, or None."""
        return self.waiting.get(run)

    def add(self, attempt: QueuedAttempt) -> None:
        """Queue an attempt behind all of its session, in place of another one of its run."""
        self.drop(attempt.key)
        self.waiting[attempt.key] = attempt
        ring = self.rings.setdefault(attempt.lane, OrderedDict())
        if attempt.user not in ring:
            ring[attempt.user] = _User(next(self.numbers))
        sessions = ring[attempt.user].sessions
        if attempt.source not in sessions:
            sessions[attempt.source] = _Session(next(self.numbers))
        sessions[attempt.source].runs[attempt.key] = next(self.numbers)

    def put_back(self, attempt: QueuedAttempt) -> None:
        """Queue an attempt before all others: its run had its turn."""
        self.drop(attempt.key)
        self.waiting[attempt.key] = attempt
        self.again.setdefault(attempt.lane, OrderedDict())[attempt.key] = next(self.numbers)

    def drop(self, run: Key) -> None:
        """Remove a run; one that does not wait is ignored."""
        attempt = self.waiting.pop(run, None)
        if attempt is None:
            return
        lane = attempt.lane
        if run in self.again.get(lane, ()):
            del self.again[lane][run]
            if not self.again[lane]:
                del self.again[lane]
            return
        ring = self.rings[lane]
        sessions = ring[attempt.user].sessions
        del sessions[attempt.source].runs[run]
        if not sessions[attempt.source].runs:
            del sessions[attempt.source]
        if not sessions:
            del ring[attempt.user]
        if not ring:
            del self.rings[lane]

    def take(
        self, lanes: Iterable[Lane], passed: Callable[[str], bool] = _nobody
    ) -> QueuedAttempt | None:
        """Take out the next attempt of one of these lanes; None if none waits.

        Users for whom `passed` is true are skipped, and keep their turn.
        """
        chosen = self.first([*lanes], passed)
        if chosen is None:
            return None
        fresh = chosen.key not in self.again.get(chosen.lane, ())
        self.drop(chosen.key)
        if fresh:
            self._to_the_end(chosen)
        return chosen

    def _to_the_end(self, served: QueuedAttempt) -> None:
        """Give the user and the session of a served attempt the last turns, in all lanes."""
        last, last_session = next(self.numbers), next(self.numbers)
        for lane, ring in self.rings.items():
            if lane.kind == served.kind and (user := ring.get(served.user)) is not None:
                user.turn = last
                ring.move_to_end(served.user)
                if (session := user.sessions.get(served.source)) is not None:
                    session.turn = last_session
                    user.sessions.move_to_end(served.source)

    def first(self, lanes: list[Lane], passed: Callable[[str], bool]) -> QueuedAttempt | None:
        """Return the next attempt of one of these lanes."""
        again = [*self._put_back(lanes, passed)]
        if again:
            return self.waiting[min(again)[1]]
        heads = []
        for lane in lanes:
            ring = self.rings.get(lane, OrderedDict())
            able = ((user, one) for user, one in ring.items() if not passed(user))
            ready = ((one.turn, user, lane.kind) for user, one in able)
            heads += [head for head in (next(ready, None),) if head is not None]
        if not heads:
            return None
        _, user, kind = min(heads)
        rings = [self.rings[lane] for lane in lanes if lane.kind == kind and lane in self.rings]
        mine = [ring[user].sessions for ring in rings if user in ring]
        turns = [(one.turn, name) for sessions in mine for name, one in _first_of(sessions)]
        stream = min(turns)[1]
        runs = [sessions[stream].runs for sessions in mine if stream in sessions]
        arrivals = [(arrived, key) for them in runs for key, arrived in _first_of(them)]
        return self.waiting[min(arrivals)[1]]

    def _put_back(
        self, lanes: Iterable[Lane], passed: Callable[[str], bool]
    ) -> Iterator[tuple[int, Key]]:
        """Yield the first attempt of each lane that had its turn before."""
        for lane in lanes:
            for key, arrived in self.again.get(lane, {}).items():
                if not passed(self.waiting[key].user):
                    yield arrived, key
                    break


def _first_of(ordered: OrderedDict[_K, _V]) -> Iterable[tuple[_K, _V]]:
    """Return the first item."""
    return islice(ordered.items(), 1)

"""Whose turn it is: whatever comes and goes, in whatever order."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from autolearn.agents.dispatch.fair_queue import FairQueue, QueuedAttempt

Queue = tuple[str, ...]
"""What waits of one kind of work: the kind and the user, or these and the session."""
KINDS = ("training", "evaluation")
STREAMS = tuple(f"session/{letter}" for letter in "abcde")
USERS = dict(zip(STREAMS, ("ada", "ada", "ada", "bob", ""), strict=True))
kinds = st.sampled_from(KINDS)
runs = st.integers(0, 5).map(str)


class Serving(RuleBasedStateMachine):
    """Turns beside a plain account of what waits, in the order in which it came."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = FairQueue()
        self.waiting: list[QueuedAttempt] = []
        self.again: list[QueuedAttempt] = []
        self.passed: dict[Queue, Counter[str]] = {}
        """Per session that waits, and per user, of a kind of work: which other ones were served
        since it began to wait or was served."""

    def forget(self, stream: str, run: str) -> None:
        for them in (self.waiting, self.again):
            them[:] = [one for one in them if one.key != (stream, run)]
        self.leave()

    @rule(kind=kinds, stream=st.sampled_from(STREAMS), run=runs)
    def add(self, kind: str, stream: str, run: str) -> None:
        attempt = QueuedAttempt(kind, stream, f"{kind}-{run}", 1, USERS[stream])
        self.forget(*attempt.key)
        self.waiting.append(attempt)
        self.turns.add(attempt)

    @rule(kind=kinds, stream=st.sampled_from(STREAMS), run=runs)
    def put_back(self, kind: str, stream: str, run: str) -> None:
        attempt = QueuedAttempt(kind, stream, f"{kind}-{run}", 2, USERS[stream])
        self.forget(*attempt.key)
        self.again.append(attempt)
        self.turns.put_back(attempt)

    @rule(kind=kinds, stream=st.sampled_from(STREAMS), run=runs)
    def drop(self, kind: str, stream: str, run: str) -> None:
        self.forget(stream, f"{kind}-{run}")
        self.turns.drop((stream, f"{kind}-{run}"))

    @rule(wanted=st.sets(kinds), over=st.sets(st.sampled_from(sorted(set(USERS.values())))))
    def take(self, wanted: set[str], over: set[str]) -> None:
        taken = self.turns.take(sorted(wanted), over.__contains__)
        again = [one for one in self.again if one.kind in wanted and one.user not in over]
        fair = [one for one in self.waiting if one.kind in wanted and one.user not in over]
        if taken is None:
            assert not again
            assert not fair
        elif again:
            assert taken == next(one for one in again if one.kind == taken.kind)
            self.again.remove(taken)
        else:
            mine = [one for one in fair if (one.stream, one.kind) == (taken.stream, taken.kind)]
            assert taken == mine[0], "first come, first served within a session"
            self.note(taken, fair)
            self.waiting.remove(taken)

    def note(self, taken: QueuedAttempt, could: list[QueuedAttempt]) -> None:
        """Nobody is served twice with a kind while another user, or another session of the same
        user, could have been."""
        of = [one for one in could if one.kind == taken.kind]
        users = {(taken.kind, one.user) for one in of}
        sessions = {
            (*mine, one.stream)
            for one in of
            if one.user == taken.user
            for mine in users
            if mine[1] == taken.user
        }
        served = (taken.kind, taken.user)
        for mine, all_of_them in ((served, users), ((*served, taken.stream), sessions)):
            self.passed[mine] = Counter()
            for other in all_of_them - {mine}:
                self.passed.setdefault(other, Counter())[mine[-1]] += 1
                assert self.passed[other][mine[-1]] <= 1, other

    @invariant()
    def all_are_there(self) -> None:
        assert len(self.turns) == len(self.waiting) + len(self.again)

    @invariant()
    def leave(self) -> None:
        """Who has nothing waiting any more begins to wait anew."""
        queues = {(one.kind, one.user) for one in self.waiting}
        queues |= {(one.kind, one.user, one.stream) for one in self.waiting}
        self.passed = {queue: seen for queue, seen in self.passed.items() if queue in queues}


TestServing = Serving.TestCase
TestServing.settings = settings(stateful_step_count=50)


def test_a_single_run_does_not_wait_for_a_thousand():
    turns = FairQueue()
    for number in range(1000):
        turns.add(QueuedAttempt("training", "session/many", str(number), 1))
    turns.take(KINDS)
    turns.add(QueuedAttempt("training", "session/one", "single", 1))
    served = [turns.take(KINDS), turns.take(KINDS)]
    assert "single" in [attempt.run for attempt in served if attempt is not None]


def test_a_single_run_does_not_wait_for_a_thousand_sessions_of_somebody_else():
    turns = FairQueue()
    for number in range(1000):
        turns.add(QueuedAttempt("training", f"session/{number}", "run", 1, "many"))
    turns.take(KINDS)
    turns.add(QueuedAttempt("training", "session/one", "single", 1, "one"))
    served = [turns.take(KINDS), turns.take(KINDS)]
    assert "single" in [attempt.run for attempt in served if attempt is not None]


def test_many_runs_that_were_cancelled_cost_a_session_nothing():
    turns = FairQueue()
    for number in range(100):
        turns.add(QueuedAttempt("training", "session/a", str(number), 1))
    for number in range(100):
        turns.drop(("session/a", str(number)))
    turns.add(QueuedAttempt("training", "session/b", "0", 1))
    turns.add(QueuedAttempt("training", "session/a", "100", 1))
    assert [turns.take(KINDS), turns.take(KINDS), turns.take(KINDS)] == [
        QueuedAttempt("training", "session/b", "0", 1),
        QueuedAttempt("training", "session/a", "100", 1),
        None,
    ]

"""Whose turn it is: whatever comes and goes, in whatever order."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from autolearn.agents.dispatch.fair_queue import FairQueue, Lane, QueuedAttempt

Queue = tuple[str, ...]
"""What waits in one lane: its kind and labels and the user, or these and the session."""
LANES = tuple(Lane(kind, labels) for kind in ("training", "evaluation") for labels in ("", "gpu=1"))
STREAMS = tuple(f"session/{letter}" for letter in "abcde")
USERS = dict(zip(STREAMS, ("ada", "ada", "ada", "bob", ""), strict=True))
lanes = st.sampled_from(LANES)
runs = st.integers(0, 5).map(str)


class Serving(RuleBasedStateMachine):
    """Turns beside a plain account of what waits, in the order in which it came."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = FairQueue()
        self.waiting: list[QueuedAttempt] = []
        self.again: list[QueuedAttempt] = []
        self.passed: dict[Queue, Counter[str]] = {}
        """Per session that waits, and per user, in a lane: which other ones were served since it
        began to wait there or was served."""

    def forget(self, stream: str, run: str) -> None:
        for them in (self.waiting, self.again):
            them[:] = [one for one in them if one.key != (stream, run)]
        self.leave()

    @rule(lane=lanes, stream=st.sampled_from(STREAMS), run=runs)
    def add(self, lane: Lane, stream: str, run: str) -> None:
        attempt = QueuedAttempt(
            lane.kind, stream, f"{lane.kind}-{run}", 1, USERS[stream], lane.labels
        )
        self.forget(*attempt.key)
        self.waiting.append(attempt)
        self.turns.add(attempt)

    @rule(lane=lanes, stream=st.sampled_from(STREAMS), run=runs)
    def put_back(self, lane: Lane, stream: str, run: str) -> None:
        attempt = QueuedAttempt(
            lane.kind, stream, f"{lane.kind}-{run}", 2, USERS[stream], lane.labels
        )
        self.forget(*attempt.key)
        self.again.append(attempt)
        self.turns.put_back(attempt)

    @rule(lane=lanes, stream=st.sampled_from(STREAMS), run=runs)
    def drop(self, lane: Lane, stream: str, run: str) -> None:
        self.forget(stream, f"{lane.kind}-{run}")
        self.turns.drop((stream, f"{lane.kind}-{run}"))

    @rule(wanted=st.sets(lanes), over=st.sets(st.sampled_from(sorted(set(USERS.values())))))
    def take(self, wanted: set[Lane], over: set[str]) -> None:
        taken = self.turns.take(sorted(wanted), over.__contains__)
        again = [one for one in self.again if one.lane in wanted and one.user not in over]
        fair = [one for one in self.waiting if one.lane in wanted and one.user not in over]
        if taken is None:
            assert not again
            assert not fair
        elif again:
            assert taken == again[0]
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
        users = {(*one.lane, one.user) for one in of}
        sessions = {(*one.lane, one.user, one.stream) for one in of if one.user == taken.user}
        served = (taken.kind, taken.user)
        for queue in [*self.passed]:
            mine = queue[2:]
            if (queue[0], mine[0]) == served and mine[1:] in ((), (taken.stream,)):
                del self.passed[queue]
        for other in users:
            if other[2] != taken.user:
                self.count(other, taken.user)
        for other in sessions:
            if other[3] != taken.stream:
                self.count(other, taken.stream)

    def count(self, waits: Queue, served: str) -> None:
        self.passed.setdefault(waits, Counter())[served] += 1
        assert self.passed[waits][served] <= 1, waits

    @invariant()
    def all_are_there(self) -> None:
        assert len(self.turns) == len(self.waiting) + len(self.again)

    @invariant()
    def leave(self) -> None:
        """Who has nothing waiting any more begins to wait anew."""
        queues = {(*one.lane, one.user) for one in self.waiting}
        queues |= {(*one.lane, one.user, one.stream) for one in self.waiting}
        self.passed = {queue: seen for queue, seen in self.passed.items() if queue in queues}


TestServing = Serving.TestCase
TestServing.settings = settings(stateful_step_count=50)


def test_a_single_run_does_not_wait_for_a_thousand():
    turns = FairQueue()
    for number in range(1000):
        turns.add(QueuedAttempt("training", "session/many", str(number), 1))
    turns.take(LANES)
    turns.add(QueuedAttempt("training", "session/one", "single", 1))
    served = [turns.take(LANES), turns.take(LANES)]
    assert "single" in [attempt.run for attempt in served if attempt is not None]


def test_a_single_run_does_not_wait_for_a_thousand_sessions_of_somebody_else():
    turns = FairQueue()
    for number in range(1000):
        turns.add(QueuedAttempt("training", f"session/{number}", "run", 1, "many"))
    turns.take(LANES)
    turns.add(QueuedAttempt("training", "session/one", "single", 1, "one"))
    served = [turns.take(LANES), turns.take(LANES)]
    assert "single" in [attempt.run for attempt in served if attempt is not None]


def test_the_sessions_of_a_pipeline_have_its_turns_and_delay_no_other_of_the_user():
    turns = FairQueue()
    pipeline = "pipeline/often"
    for number in range(1000):
        at = f"session/{number}"
        turns.add(QueuedAttempt("training", at, "run", 1, "ada", "", pipeline))
    turns.add(QueuedAttempt("training", "session/own", "one", 1, "ada"))
    turns.add(QueuedAttempt("training", "session/own", "two", 1, "ada"))
    served = [turns.take(LANES) for _ in range(4)]
    sources = [attempt.source for attempt in served if attempt is not None]
    assert sources == [pipeline, "session/own"] * 2
    for number in range(2, 1000):
        turns.drop((f"session/{number}", "run"))
    assert len(turns) == 0


def test_many_runs_that_were_cancelled_cost_a_session_nothing():
    turns = FairQueue()
    for number in range(100):
        turns.add(QueuedAttempt("training", "session/a", str(number), 1))
    for number in range(100):
        turns.drop(("session/a", str(number)))
    turns.add(QueuedAttempt("training", "session/b", "0", 1))
    turns.add(QueuedAttempt("training", "session/a", "100", 1))
    assert [turns.take(LANES), turns.take(LANES), turns.take(LANES)] == [
        QueuedAttempt("training", "session/b", "0", 1),
        QueuedAttempt("training", "session/a", "100", 1),
        None,
    ]


def test_asking_for_other_labels_takes_no_turn_of_others():
    turns = FairQueue()
    for number in range(9):
        labels = f"zone=z{number % 3}"
        turns.add(QueuedAttempt("training", "session/a", f"a{number}", 1, "ada", labels))
    for number in range(3):
        turns.add(QueuedAttempt("training", "session/b", f"b{number}", 1, "bob"))
    served = [turns.take(turns.lanes()) for _ in range(6)]
    assert [one.run for one in served if one] == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_what_no_worker_can_do_costs_others_nothing():
    """Ten thousand waiting runs of fifty lanes: what is looked at are lanes, not runs."""
    turns = FairQueue()
    for number in range(10_000):
        labels = f"zone=z{number % 50}"
        turns.add(QueuedAttempt("training", f"session/{number}", "run", 1, "many", labels))
    turns.add(QueuedAttempt("training", "session/x", "fits", 1, "many"))
    asked: list[str] = []
    taken = turns.take([Lane("training")], lambda user: bool(asked.append(user)))
    assert taken is not None
    assert taken.run == "fits"
    assert len(turns.lanes()) == 50
    assert asked == ["many"]

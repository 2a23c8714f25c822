"""What a command costs in a session with 5,000 runs, against one in a session with 10.

The real rules, claim and views on real stores; the log is in memory, so that nothing else is
measured, and the processor's time alone counts. Workers claim attempts of runs, at random, and are
lost; a command is decided, written, taken into the decider's state and folded into the views. The
rounds of the two alternate.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from random import Random

from autolearn.agents.command_handling.decision import AppendFence, Decision, decide
from autolearn.agents.command_handling.partition_claim import Names, PartitionClaim
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.schemas import commands
from autolearn.schemas.actors import SUPERVISE, worker
from autolearn.schemas.codec import CommandRecord, decode_command, encode, raw
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.topics import Topic
from tests.support import samples

SMALL, LARGE = 10, 5000
ROUNDS, COMMANDS = 15, 200
TOPICS = Names("commands", "events")


async def session_growth() -> dict[str, float]:
    """Measure both sessions."""
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        return await asyncio.to_thread(measure, Path(folder))


def measure(folder: Path) -> dict[str, float]:
    sessions = {runs: Session(runs, folder / str(runs)) for runs in (SMALL, LARGE)}
    times: dict[int, list[float]] = {runs: [] for runs in sessions}
    for _ in range(ROUNDS):
        for runs, session in sessions.items():
            times[runs].append(session.round())
    for session in sessions.values():
        session.close()
    small, large = (statistics.median(times[runs]) * 1e6 for runs in (SMALL, LARGE))
    return {
        "session_command_us_10": small,
        "session_command_us_5000": large,
        "session_growth_ratio": large / small,
    }


class Session:
    """A session with so many runs, its decider and its views."""

    def __init__(self, runs: int, folder: Path) -> None:
        self.log, self.random, self.runs = MemoryLog(), Random(runs), runs
        self.log.create([Topic(name, 1, 1, {}) for name in TOPICS[:2]])
        self.claim = PartitionClaim(self.log, TOPICS, 0, folder / "decide", "bench")
        self.claim.take()
        self.store, self.attempts = RocksStore(folder / "views"), [1] * runs
        self.views = Projector(self.log, TOPICS.events, ReadModels(self.store), [0])
        self.count = 0
        self.ask(commands.OpenSession("bench"), "")
        for number in range(runs):
            self.ask(samples.request_training(name(number), max_attempts=10**9), "")

    def round(self) -> float:
        """Return the processor seconds that a command takes, of some."""
        began = time.thread_time()
        for _ in range(COMMANDS // 2):
            number = self.random.randrange(self.runs)
            run, attempt = name(number), self.attempts[number]
            self.ask(commands.StartRun(run, attempt, "w"), worker("w"))
            self.ask(commands.ReportRunLost(run, attempt, "w"), SUPERVISE)
            self.attempts[number] += 1
        return (time.thread_time() - began) / COMMANDS

    def ask(self, command: Command, actor: str) -> None:
        """Have one command decided, written and folded everywhere."""
        record = CommandRecord(
            id=f"c{self.count}",
            source="bench",
            type=type_of(type(command)),
            subject=samples.SESSION,
            time="2026-01-01T00:00:00.000Z",
            actor=actor,
            data=raw(command),
        )
        self.count += 1
        asked, claim = decode_command(encode(record)), self.claim
        place = AppendFence(0, claim.decided + 1, claim.answered, claim.term)
        decision = decide(claim.stream(asked.subject), asked, place)
        assert decision.record.type.endswith(("Opened.v1", "Requested.v1", "Started.v1", "Lost.v1"))
        self.append(decision)
        self.views.step(0.0)

    def append(self, decision: Decision) -> None:
        """Write a decision, and take it into the decider's state."""

        def delivered(error: object, _: int, offset: int) -> None:
            assert error is None
            assert self.claim.confirm(decision, offset)

        headers = self.claim.note(decision)
        value, subject = decision.value, decision.record.subject
        self.log.append(TOPICS.events, value, key=subject, headers=headers, delivered=delivered)

    def close(self) -> None:
        """Let go of the folders."""
        self.claim.close()
        self.store.close()


def name(number: int) -> str:
    """Return the id of a run."""
    return f"00000000-0000-4000-8000-{number:012}"

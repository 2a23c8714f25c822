"""The driver of pipelines: each run has an end, whatever fails, and none is done by two."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.pipelines.commands import LostRun, RunCommands
from autolearn.api.pipelines.conductor import Conductor
from autolearn.api.pipelines.driver import Driver
from autolearn.api.services.pipelines.kinds import session_of
from autolearn.runtime.timestamps import text
from autolearn.schemas.commands import CancelRun, CompleteRun, FailRun, RecordStep, ReportRunLost
from autolearn.schemas.messages import Command
from autolearn.schemas.pipelines.definition import Step
from autolearn.schemas.pipelines.results import StepOutcome
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId
from tests.support import samples

STREAM = stream("pipeline", "flowers")
FORBIDDEN = Problem(403, "forbidden", "Not allowed", "It is another's.")


async def at_once(look: Any) -> Any:
    return look()


class Commands:
    """Takes the commands of a run; those in `refused` are refused."""

    worker = "api"

    def __init__(self, **refused: Problem) -> None:
        self.refused, self.taken = refused, []
        self.gone = False
        self.requested: set[str] = set()

    async def until_answered(self) -> None:
        """All are answered."""

    async def held(self, _: Command) -> None:
        if self.gone:
            raise LostRun("api-2 conducts it")

    async def conduct(self, _: str, command: Command, *_parts: object) -> None:
        if problem := self.refused.get(type(command).__name__):
            raise problem
        self.taken.append(command)

    def principal(self) -> None:
        raise Problem(403, "forbidden", "The user may not do that any more", "ada was disabled.")


def run_of(commands: Commands, limit: float = 60.0, started: str | None = None) -> Any:
    """A run of two steps on a system without anything else; its user was disabled meanwhile."""
    there = SimpleNamespace(
        pipelines=SimpleNamespace(
            outcomes=lambda *_: {}, run_before=lambda *_: None, newest_runs=lambda _: iter(())
        ),
        sessions=SimpleNamespace(owner=lambda _: None),
        runs=SimpleNamespace(open_of=lambda _: iter(()), all_stored=lambda _: iter(())),
    )

    async def read(look: Any) -> Any:
        return look(there, None)

    return SimpleNamespace(
        id="r1",
        pipeline="flowers",
        stream=STREAM,
        row=SimpleNamespace(time_limit=limit, started=started),
        definition=samples.DEFINITION,
        outcomes={},
        tables={},
        session="",
        committed=False,
        commands=commands,
        read=read,
        context=SimpleNamespace(
            queries=SimpleNamespace(now=lambda: there, latest=lambda: there),
            executors=SimpleNamespace(lists=SimpleNamespace(run=at_once)),
        ),
    )


class Conducts(Conductor):
    """Whose steps do what a test says."""

    do: Any

    async def _outcome(self, step: Step) -> StepOutcome:
        await self.do(step)
        return StepOutcome(step=step.name, kind=step.kind, status="completed")


def conducted(
    do: Any, commands: Commands, limit: float = 60.0, started: str | None = None
) -> list[Command]:
    one = Conducts(run_of(commands, limit, started), 1)
    one.do = do
    asyncio.run(one.conduct())
    return commands.taken


async def held(_: Command | None) -> None:
    """The process conducts the run."""


async def nothing(_: Step) -> None:
    """Do a step that does nothing."""


def test_steps_are_recorded_and_then_the_end():
    *records, end = conducted(nothing, Commands())
    assert [one.outcome.step for one in records if isinstance(one, RecordStep)] == [
        "source",
        "large",
    ]
    assert isinstance(end, CompleteRun)
    assert end.result.counts == {"completed": 2}


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (KeyError("colour"), "crashed", "KeyError: this is a fault of AutoLearn"),
        (TimeoutError("of something else"), "crashed", "TimeoutError: this is a fault"),
        (FORBIDDEN, "input", "Not allowed: It is another's."),
    ],
)
def test_a_fault_ends_the_run_and_says_which(error: Exception, reason: str, words: str):
    async def fails(_: Step) -> None:
        raise error

    (end,) = conducted(fails, Commands())
    assert isinstance(end, FailRun)
    assert (end.reason, end.detail[: len(words)]) == (reason, words)


def test_a_fault_while_the_end_is_reported_begins_the_next_attempt():
    commands = Commands(CompleteRun=cast("Any", KeyError("colour")))
    *_, lost = conducted(nothing, commands)
    assert lost == ReportRunLost("r1", 1, "api")


def test_a_run_that_takes_too_long_ends():
    async def waits(_: Step) -> None:
        await asyncio.Event().wait()

    (end,) = conducted(waits, Commands(), limit=0.01)
    assert isinstance(end, FailRun)
    assert (end.reason, "its limit" in end.detail) == ("time", True)


def test_the_time_of_a_run_counts_from_its_first_start():
    """Another process takes it over: it does not begin anew."""
    hour = 3600.0
    started = text(int(1000 * (time.time() - 2 * hour)))
    *_, end = conducted(nothing, Commands(), hour, started)
    assert isinstance(end, FailRun)
    assert end.detail == "it has gone on for 3,600 s, its limit"
    *_, done = conducted(nothing, Commands(), 3 * hour, started)
    assert isinstance(done, CompleteRun)
    assert 2 * hour <= done.result.seconds < 2.1 * hour


def test_an_end_that_comes_too_late_is_no_fault():
    ended = Problem(409, "run-ended", "It has ended", "The pipeline r1 is cancelled.")
    taken = conducted(nothing, Commands(CompleteRun=ended))
    assert not [one for one in taken if not isinstance(one, RecordStep)]


def test_the_steps_of_a_run_that_was_let_go_are_not_done_here_any_more():
    """Another process does them: two would ask for the same."""

    async def lets_go() -> tuple[list[str], list[Command]]:
        begun, told = asyncio.Event(), []

        async def waits(_: Step) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.append("cancelled")
                raise

        commands = Commands()
        one = Conducts(run_of(commands), 1)
        one.do = waits
        task = asyncio.create_task(one.conduct())
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, *one.going.values(), return_exceptions=True)
        return told, commands.taken

    assert asyncio.run(lets_go()) == (["cancelled"], [])


def test_a_process_that_has_lost_its_run_neither_ends_it_nor_its_steps():
    """Late after a pause: its time is over, and its commands are refused."""
    commands = Commands(RecordStep=FORBIDDEN)
    commands.gone = True

    async def waits(_: Step) -> None:
        await asyncio.Event().wait()

    assert conducted(nothing, commands) == []
    assert conducted(waits, commands, limit=0.01) == []


def rows(worker: str, attempt: int, ended: str | None = None) -> Any:
    return SimpleNamespace(
        kind="pipeline", worker=worker, attempt=attempt, ended=ended, status="started"
    )


def test_a_process_that_stood_still_reads_before_it_posts():
    """The log takes from any process what the user may do, such as to train."""

    async def posts() -> None:
        seen = [rows("api-1", 1)]

        async def fresh() -> None:
            seen.append(rows("api-2", 2))

        runs = SimpleNamespace(stored=lambda *_: seen[-1])
        context: Any = SimpleNamespace(
            settings=SimpleNamespace(workers=SimpleNamespace(timeout=10.0)),
            reader=SimpleNamespace(fresh=fresh),
            queries=SimpleNamespace(latest=lambda: SimpleNamespace(runs=runs)),
        )
        driver = Driver(context)
        driver.id = "api-1"
        record = RecordStep("r1", samples.outcome())
        await driver._require_held("flowers", "r1", 1, record)
        driver.beaten -= 6
        with pytest.raises(LostRun, match="api-2 conducts it, attempt 2"):
            await driver._require_held("flowers", "r1", 1, record)
        driver.beaten += 6
        seen.append(rows("api-1", 1, "2026-01-01T00:00:00Z"))
        with pytest.raises(LostRun, match="it has ended"):
            await driver._require_held("flowers", "r1", 1, record)
        await driver._require_held("flowers", "r1", 1, CancelRun("step"))

    asyncio.run(posts())


def test_a_run_whose_claim_got_lost_is_conducted_by_its_process():
    driver = Driver(cast("Any", None))
    assert not driver._may_claim("r1", rows("api-2", 1))
    assert driver._may_claim("r1", rows(driver.id, 1))
    driver.conducted["r1"] = cast("Any", None)
    assert not driver._may_claim("r1", rows(driver.id, 1))


def test_a_process_conducts_64_runs_and_the_others_wait():
    async def conducts() -> tuple[int, int, int]:
        ends = asyncio.Queue[None]()

        class Waits:
            """A run that goes on until a test ends it."""

            by = SimpleNamespace(commands=Commands(), stream=STREAM, pipeline="flowers")
            attempt = 1

            async def conduct(self) -> None:
                await ends.get()

        class Many(Driver):
            async def _conductor(self, *_: Any) -> Any:
                return Waits()

            def _unclaimed(self, _: Any) -> Any:
                return [("flowers", run) for run in there if run not in self.conducted]

        there = {f"r{number}": rows("", 1) for number in range(65)}
        for row in there.values():
            row.status = "open"
        queries = SimpleNamespace(
            latest=lambda: SimpleNamespace(
                runs=SimpleNamespace(stored=lambda _, __, run: there.get(run))
            )
        )
        driver = Many(cast("Any", SimpleNamespace(queries=queries)))
        driver.to_see = {"flowers"}
        await driver._look()
        for run, conductor in driver.conducted.items():
            there[run] = rows(driver.id, conductor.attempt)
        first, waits = len(driver.conducted), set(driver.to_see)
        del there["r0"]
        ends.put_nowait(None)
        driver.look.clear()
        await asyncio.wait_for(driver.look.wait(), 5)
        assert waits == {"flowers"}
        await driver._look()
        then = len(driver.conducted)
        for task in driver.tasks.values():
            task.cancel()
        return first, then, "r64" in driver.conducted

    assert asyncio.run(conducts()) == (64, 64, True)


def test_what_goes_on_of_a_run_that_nobody_conducted_at_its_end_is_ended():
    """Its steps and trainings, and not what a user asks for after it in its session."""
    end = "2026-01-01T00:00:09Z"
    ended = rows("api-2", 2, end)
    ended.status = "cancelled"

    def open_run(of: str, requested: str) -> Any:
        return SimpleNamespace(study=of, requested=requested, ended=None)

    going = {
        "pipeline/flowers": [("k1", open_run("r1", "2026-01-01T00:00:01Z"))],
        session_of(RunId("r1")): [
            ("t1", open_run("", "2026-01-01T00:00:02Z")),
            ("t2", open_run("", "2026-01-01T00:00:10Z")),
        ],
    }
    runs = SimpleNamespace(
        open_of=lambda owner: ((owner, *one) for one in going[owner]),
        stored=lambda _, __, run: ended if run == "r1" else rows("api-2", 1),
    )
    newest = lambda _: iter([("2026-01-01", "r2"), ("2025-01-01", "r1")])  # noqa: E731
    there = SimpleNamespace(runs=runs, pipelines=SimpleNamespace(newest_runs=newest))
    context: Any = SimpleNamespace(queries=SimpleNamespace(now=lambda: there, latest=lambda: there))
    assert Driver(context)._left(["flowers"]) == [("flowers", "r1")]
    commands: Any = Commands()
    commands.act = commands.conduct
    by = run_of(commands)
    by.context.queries, by.context.executors.lists.run = context.queries, at_once
    asyncio.run(Conductor(by, 0).stop())
    assert commands.taken == [CancelRun("k1"), CancelRun("t1")]
    commands.requested.add("t2")  # by the run: it was on its way when that ended
    asyncio.run(Conductor(by, 0).stop())
    assert commands.taken[2:] == [CancelRun("k1"), CancelRun("t1"), CancelRun("t2")]


AUDIT = SimpleNamespace(instance="api/@here:1")


class Bus:
    """Answers each id once, as the log does: a command that comes again has its first answer."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.conducts = "api-1"

    async def post(
        self, _: str, command: Command, asked: Any, actor: str = "", headers: Any = ()
    ) -> object:
        assert {name for name, _ in headers} == {"traceparent", "hop"}
        right = actor == f"worker {self.conducts}"
        answer = self.answers.setdefault(asked.id, (actor, command) if right else FORBIDDEN)
        if isinstance(answer, Problem):
            raise answer
        return answer


def test_what_was_refused_to_a_process_that_had_lost_the_run_is_taken_from_the_next_one():
    async def taken_over() -> None:
        bus: Any = Bus()
        context: Any = SimpleNamespace(commands=bus, audit=AUDIT)
        first, second = (
            RunCommands(context, f"api-{number}", "r1", "ada", number, held) for number in (1, 2)
        )
        record = RecordStep("r1", samples.outcome())
        bus.conducts = "api-2"
        with pytest.raises(Problem):
            await first.conduct(STREAM, record, "record", "large")
        assert await second.conduct(STREAM, record, "record", "large") == ("worker api-2", record)
        assert await second.conduct(STREAM, record, "record", "large") == ("worker api-2", record)

    asyncio.run(taken_over())


def test_a_command_that_cannot_be_decided_is_not_sent_for_ever():
    class Failing(Bus):
        async def post(self, *_: Any) -> object:
            raise Problem(500, "command-failed", "The command could not be decided", "ValueError")

    async def fails() -> None:
        context: Any = SimpleNamespace(commands=Failing(), audit=AUDIT)
        commands = RunCommands(context, "api-1", "r1", "ada", 1, held)
        with pytest.raises(Problem, match="ValueError"):
            await asyncio.wait_for(commands.conduct(STREAM, RecordStep("r1", samples.outcome())), 5)

    asyncio.run(fails())


def test_what_fails_while_it_claims_ends_neither_the_looking_nor_other_runs():
    """The read models fail once, and the claim of one run for ever; the other one is conducted."""

    async def looks() -> tuple[list[str], set[str]]:
        faults, claimed, seen = [OSError("once")], [], asyncio.Event()
        here = asyncio.get_running_loop()

        class Fails(Driver):
            def _unclaimed(self, names: Any) -> Any:
                if faults:
                    here.call_soon_threadsafe(self.look.set)
                    raise faults.pop()
                return [(name, f"run-of-{name}") for name in sorted(names)]

            async def _end_left(self) -> None:
                """Find none."""

            async def _claim(self, name: str, run: str, _: int) -> bool:
                if name == "bad":
                    raise KeyError(name)
                claimed.append(run)
                seen.set()
                return True

        async def ready() -> None:
            """Be ready."""

        open_run = SimpleNamespace(kind="pipeline", status="open", attempt=1, ended=None)
        there = SimpleNamespace(
            pipelines=SimpleNamespace(names=lambda: ["bad", "good"]),
            runs=SimpleNamespace(stored=lambda *_: open_run),
        )
        context: Any = SimpleNamespace(
            reader=SimpleNamespace(until_ready=ready),
            queries=SimpleNamespace(now=lambda: there, latest=lambda: there),
        )
        driver = Fails(context)
        loop = asyncio.create_task(driver._claim_for_ever())
        await asyncio.wait_for(seen.wait(), 5)
        assert not loop.done()
        loop.cancel()
        return claimed, driver.to_see

    assert asyncio.run(looks()) == (["run-of-good"], {"bad"})

"""A result that is too large is shortened, or its run fails and says why; its worker lives on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from msgspec import Raw
from msgspec.structs import replace

from autolearn.agents.supervision.agent import SuperviseAgent
from autolearn.agents.worker.attempt_runner import WorkerAttempt
from autolearn.agents.worker.task_consumer import task_in
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.ml.errors import InputError
from autolearn.ml.metrics.builtin import MOST_LABELS, confusion
from autolearn.ml.tasks import bounded, lightened
from autolearn.projections.work.heartbeats import heartbeat_in
from autolearn.schemas import commands, events
from autolearn.schemas.bounds import LARGEST_COMMAND, LARGEST_RESULT, size_of
from autolearn.schemas.codec import EventRecord, command_of, decode_command, raw, to_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.schemas.records.heartbeat import Heartbeat
from autolearn.schemas.records.task import Task
from autolearn.schemas.results import EvaluationResult
from autolearn.schemas.topics import Topics
from tests.support import samples
from tests.support.attempts import WORKER, attempt_runner
from tests.support.settings import settings_of
from tests.support.waiting import soon

SETTINGS = settings_of(partitions=1)
ASKED = raw(samples.request_evaluation("e1", "t1"))
TASK = Task("evaluation", "e1", samples.SESSION, 1, ASKED, 9, 900)


def test_a_result_has_a_bound():
    small = samples.evaluation_result()
    result = replace(small, results={"m": [1] * 10})
    assert bounded(result) is result
    with pytest.raises(InputError, match=f"at most {LARGEST_RESULT:,}"):
        bounded(replace(small, results={"m": [1] * LARGEST_RESULT}))


def test_what_makes_a_result_too_large_is_left_out_if_it_may_be():
    metrics = {"m": [1] * LARGEST_RESULT, "f1": 0.5, "small": [1] * 10}
    result = EvaluationResult(metrics, {}, 1, 1.0, {"log-loss": "why"})
    found = lightened(result, ("f1", "m", "small"))
    assert set(found.results) == {"f1", "small"}
    assert found.left_out["log-loss"] == "why"
    assert "too large for the log" in found.left_out["m"]
    assert bounded(found) is found
    with pytest.raises(InputError):
        bounded(lightened(result, ("f1",)))


def test_a_matrix_of_many_labels_is_shortened():
    """1,000 labels of a model, 1,000 others in the rows: there were four million numbers."""
    truth = np.array([f"other-{n}" for n in range(1000)] * 2 + ["often"] * 500)
    given = np.array([f"own-{n % 1000}" for n in range(2000)] + ["often"] * 400 + ["own-1"] * 100)
    found = confusion.compute(truth, given)
    assert len(found["labels"]) == len(found["matrix"]) == MOST_LABELS + 1
    assert found["labels"][-1] == f"({2001 - MOST_LABELS:,} other labels)"
    matrix = np.array(found["matrix"])
    assert matrix.sum() == 2500
    often = found["labels"].index("often")
    assert matrix[often, often] == 400
    assert matrix[often].sum() == 500
    assert len(to_json(found)) < LARGEST_RESULT // 2


def test_labels_of_a_matrix_are_cut():
    found = confusion.compute(np.array(["x" * 5000, "y"]), np.array(["y", "y"]))
    assert [len(label) for label in found["labels"]] == [200, 1]


@pytest.mark.parametrize("refused", [False, True])
def test_a_worker_reports_a_failure_in_the_place_of_what_is_too_large(
    tmp_path: Path, refused: bool
):
    """Before, posting it ended the worker, with the runs of everybody in it; three times."""

    async def story() -> None:
        log = MemoryLog()
        log.create([Topics.of(SETTINGS).commands])
        runner = attempt_runner(replace(SETTINGS, home=str(tmp_path)), log)
        size = 1000 if refused else 5_000_000
        end = commands.CompleteRun("e1", 1, WORKER, EvaluationResult({"m": "x" * size}, {}, 1, 1.0))

        async def do(_: WorkerAttempt) -> Command:
            return end

        runner.do = do  # type: ignore[method-assign]
        attempt = WorkerAttempt(TASK, None)

        async def work() -> None:
            assert await runner.run(attempt) == end
            await runner.report(attempt, end)

        working = asyncio.create_task(work())
        told = []
        answers: list[Event] = [events.RunStarted("e1", 1, WORKER)]
        if refused:
            answers.append(events.Refused("too-large", "The command has 9 bytes."))
        answers.append(events.RunFailed("e1", 1, WORKER, "input", ""))
        for number, answer in enumerate(answers):
            await soon(lambda n=number: len(log.topics[Topics.of(SETTINGS).commands.name][0]) > n)
            message = log.topics[Topics.of(SETTINGS).commands.name][0][number]
            value = message.content
            assert size_of(value, message.key, message.headers) <= LARGEST_COMMAND
            told.append(record := decode_command(value))
            runner.commands.take_answers([answering(record.id, answer)])
        await asyncio.wait_for(working, 10)
        last = command_of(told[-1])
        assert isinstance(last, commands.FailRun)
        assert (last.run, last.attempt, last.reason) == ("e1", 1, "input")
        assert "bytes" in last.detail
        assert len({record.id for record in told}) == len(told)

    asyncio.run(story())


def answering(command: str, event: Event) -> EventRecord:
    return EventRecord(
        id=command, source="tests", type=type_of(type(event)), subject=samples.SESSION,
        time="2026-01-01T00:00:00Z", sequence=1, causationid=command, term=1, data=raw(event),
    )  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"garbage",
        b"[" * 9000,
        b"9" * 9000,
        b'{"kind":"\xff"}',
        to_json(replace(TASK, kind="cooking")),
        to_json(replace(TASK, stream="nonsense")),
        to_json(replace(TASK, run="x" * 5000)),
    ],
)
def test_what_is_no_task_and_no_heartbeat_is_passed_over(value: bytes | None):
    with pytest.raises(MalformedRecord):
        task_in(value)
    assert heartbeat_in(value, 8) is None


def test_a_heartbeat_names_partitions_that_there_are():
    beat = Heartbeat("w", "h", 1, ("training",), 1, "", partitions=(0, 7))
    assert heartbeat_in(to_json(beat), 8) == beat
    assert heartbeat_in(to_json(beat), 7) is None
    odd = replace(beat, partitions=(-1,))
    assert heartbeat_in(to_json(odd), 8) is None


def test_a_request_that_cannot_be_read_fails_its_run(tmp_path: Path):
    async def story() -> None:
        runner = attempt_runner(replace(SETTINGS, home=str(tmp_path)), MemoryLog())
        runner.holds = lambda _: True  # type: ignore[method-assign]
        for request in (b"7", b'{"time_limit":"long"}', b"[1]"):
            end = await runner.do(WorkerAttempt(replace(TASK, request=Raw(request)), None))
            assert isinstance(end, commands.FailRun), request
            assert end.reason == "input"

    asyncio.run(story())


def test_workers_of_long_ago_are_forgotten(tmp_path: Path):
    """Each start of a worker has a new id, so that they would grow for ever."""
    agent = object.__new__(SuperviseAgent)
    agent.heard, agent.stopped = {"old": 1.0, "gone": 2.0, "new": 100.0}, {"gone", "new"}
    agent.forget(50.0)
    assert agent.heard == {"new": 100.0}
    assert agent.stopped == {"new"}

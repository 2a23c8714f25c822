"""Conducts studies: asks for their trials as trainings of the session, and follows them.

A study takes no slot: its trials are dispatched like all other runs, to any workers. All that it
knows is on the log, so that another worker goes on where a lost one has stopped. The ids of its
commands follow from the study and the number of the trial: asking twice is harmless.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import Raw

from autolearn.agents.command_client import CommandClient, command_id
from autolearn.agents.executors.executor import CANCELLED, Completed, Failed, Outcome
from autolearn.eventlog.encryption.session_cipher import SessionCipher, key_of_kept
from autolearn.projections.work.open_runs import OpenRuns, StudyMember
from autolearn.runtime.timestamps import millis
from autolearn.runtime.trace_context import Trace
from autolearn.schemas import commands, events
from autolearn.schemas.codec import EventRecord, event_of, from_json
from autolearn.schemas.errors import TooLarge
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.records.task import Task
from autolearn.schemas.results import EvaluationResult, FoldScores, StudyResult, TrainingResult
from autolearn.schemas.studies.search import PRUNED, Versus
from autolearn.schemas.values import NO_RUN, RunId
from autolearn.security.data_key import Unreadable

log = structlog.stdlib.get_logger("autolearn.work")

if TYPE_CHECKING:
    from autolearn.ml.tuning.sampler import Proposal, StudySampler

_HOPELESS = 5
"""Trials without a value, and none with one, after which a study gives up."""
_ACCEPTED = {type_of(events.TrainingRequested), type_of(events.EvaluationRequested)}
_OF_TRIALS = frozenset(commands.RequestStudy.__struct_fields__) & {
    *commands.RequestTraining.__struct_fields__
} - {"run", "max_attempts"}
"""The fields that trials have from their study."""


class _Trial:
    """A trial as the log has it; `folds` are those of the study's metric, once it is completed."""

    def __init__(self, number: int, place: int, asked: events.TrainingRequested) -> None:
        self.number, self.place, self.asked = number, place, asked
        self.status, self.detail = "open", ""
        self.folds: FoldScores | None = None

    @property
    def run(self) -> RunId:
        """The id of its training."""
        return self.asked.run


class _RunRefused(Exception):
    """A run of a study was refused. Its text is for people."""


class Studies:
    """The studies that a worker conducts. All methods belong to the event loop."""

    def __init__(self, client: CommandClient, vault: SessionCipher, runs: OpenRuns) -> None:
        self.client, self.vault, self.runs = client, vault, runs
        self._going: set[ConductedStudy] = set()

    def start(
        self, task: Task, request: Raw, trace: Trace | None, on_phase: Callable[[str], None]
    ) -> ConductedStudy:
        """Conduct the study of a task that this worker holds; `request` is its data in clear."""
        study = ConductedStudy(self, task, request, trace, on_phase)
        self._going.add(study)
        study.task.add_done_callback(lambda _: self._going.discard(study))
        return study

    def wake(self, records: Iterable[EventRecord]) -> None:
        """Let studies look at the new events of their sessions."""
        streams = {record.subject for record in records} if self._going else set()
        for study in self._going:
            if study.of.stream in streams:
                study.changed.set()


class ConductedStudy:
    """A study that goes on: a `StartedRun`."""

    def __init__(
        self,
        by: Studies,
        of: Task,
        request: Raw,
        trace: Trace | None,
        on_phase: Callable[[str], None],
    ) -> None:
        self.by, self.of, self.trace, self.on_phase = by, of, trace, on_phase
        self.asked = from_json(request, events.StudyRequested)
        self.keyid = key_of_kept(of.request)
        self.changed = asyncio.Event()
        self.trials: list[_Trial] = []
        self.evaluation: StudyMember | None = None
        self.places = 0
        self.task = asyncio.create_task(self._conduct())

    async def outcome(self) -> Outcome:
        """Wait for the end."""
        await asyncio.wait([self.task])
        return CANCELLED if self.task.cancelled() else self.task.result()

    def cancel(self) -> None:
        """Stop to conduct it. If it has ended on the log, its trials are cancelled."""
        self.task.cancel()
        if self.by.runs.get(self.of.stream, self.of.run) is None:
            for run in self.by.runs.open_members(self.of.stream, self.of.run):
                self._cancel(run.run)

    async def _conduct(self) -> Outcome:
        try:
            return await self._search()
        except _RunRefused as why:
            for trial in self._open():
                self._cancel(trial.run)
            return Failed("input", str(why))
        except Unreadable:  # its session has ended, which ends the study
            return CANCELLED
        except (ArithmeticError, ValueError) as fault:
            # The numbers of a space are its user's: they end the study, and not the worker.
            log.exception("study failed", run=self.of.run)
            for trial in self._open():
                self._cancel(trial.run)
            return Failed("input", f"The space cannot be searched: {fault}. Choose a smaller one.")

    async def _search(self) -> Outcome:
        """Ask for trials until there are enough, and return the result."""
        sampler = await asyncio.to_thread(self._sampler)
        exhausted = stopped = False
        while True:
            self.changed.clear()
            await self._look(sampler)
            ended = len(self.trials) - len(self._open())
            over = self._left() <= 0
            if over and not stopped and self._best() is not None:
                stopped = True
                for trial in self._open():
                    self._cancel(trial.run)
            most = self.asked.trials if self._best() else self._without_value()
            enough = over or exhausted or len(self.trials) >= most
            if enough and not self._open():
                break
            self.on_phase(self._phase(ended))
            if not enough and len(self._open()) < self.asked.parallel:
                proposal = await asyncio.to_thread(sampler.ask, len(self.trials))
                exhausted = proposal is None
                if proposal is not None:
                    await self._ask(self._training(proposal), "trial", len(self.trials))
                continue
            left = math.inf if over else self._left()
            await self._until_changed(None if math.isinf(left) else left)
        best = self._best()
        if best is None:
            return Failed("input", self._why_none())
        await self._evaluate(best)
        return Completed(await asyncio.to_thread(self._result, best))

    def _sampler(self) -> StudySampler:
        from autolearn.ml.tuning.sampler import StudySampler  # loads Optuna: half a second

        asked = self.asked
        return StudySampler(asked.candidates, asked.sampler, asked.seed, maximize=asked.maximize)

    async def _until_changed(self, seconds: float | None = None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return

    def _left(self) -> float:
        """Return the seconds until no trial is asked for any more."""
        return math.inf if self.asked.budget is None else self.asked.budget - self._lasted()

    def _lasted(self) -> float:
        """Return the seconds since the first worker began to conduct it."""
        study = self.by.runs.get(self.of.stream, self.of.run)
        if study is None or not study.began:
            return 0.0
        return max(0.0, time.time() - millis(study.began) / 1000)

    async def _look(self, sampler: StudySampler) -> None:
        """Take in the trials that the log has, and how they have ended."""
        at = self.of.stream
        while (member := self.by.runs.member(at, self.of.run, self.places)) is not None:
            if member.kind == "training":
                clear = self.by.vault.open_kept(at, member.request)
                trial = _Trial(
                    len(self.trials), self.places, from_json(clear, events.TrainingRequested)
                )
                sampler.note(trial.number, trial.asked.estimator, trial.asked.hyperparameters)
                self.trials.append(trial)
            else:
                self.evaluation = member
            self.places += 1
        for trial in self._open():
            ended = self.by.runs.member(at, self.of.run, trial.place)
            if ended is not None and ended.status != "open":
                self._end(trial, ended)
                value = None if trial.folds is None else trial.folds.mean
                sampler.tell(trial.number, value, pruned=trial.status == PRUNED)

    def _end(self, trial: _Trial, ended: StudyMember) -> None:
        """Take in the end of a trial."""
        trial.status = ended.status
        if ended.status == "completed":
            result = self._outcome(ended, events.RunCompleted).result
            assert isinstance(result, TrainingResult)
            trial.folds = result.cross_validation.get(self.asked.metric)
        elif ended.status == "failed":
            failure = self._outcome(ended, events.RunFailed)
            trial.detail = failure.detail
            trial.status = PRUNED if failure.reason == PRUNED else "failed"

    def _outcome(self, ended: StudyMember, kind: type[Any]) -> Any:
        return from_json(self.by.vault.open_kept(self.of.stream, ended.outcome), kind)

    def _open(self) -> list[_Trial]:
        return [trial for trial in self.trials if trial.status == "open"]

    def _scored(self) -> Iterator[tuple[_Trial, FoldScores]]:
        return ((one, one.folds) for one in self.trials if one.folds is not None)

    def _best(self) -> _Trial | None:
        """Return the best completed trial, the first of equal ones; None if there is none."""
        sign = 1 if self.asked.maximize else -1
        found = [(sign * folds.mean, -one.number, one) for one, folds in self._scored()]
        return max(found)[2] if found else None

    def _without_value(self) -> int:
        """Return how many trials there may be as long as none has a value."""
        return min(self.asked.trials, max(_HOPELESS, len(self.asked.candidates)))

    def _phase(self, ended: int) -> str:
        best = self._best()
        of = "" if self.asked.budget and self.asked.trials >= 1000 else f" of {self.asked.trials}"
        said = f"{ended} trials{of}"
        if best is not None and best.folds is not None:
            said += f" - best {self.asked.metric} {best.folds.mean:.4f}: {best.asked.estimator}"
        return said

    def _why_none(self) -> str:
        counts = Counter(trial.status for trial in self.trials)
        last = next((one.detail for one in reversed(self.trials) if one.status == "failed"), "")
        told = ", ".join(f"{many} {status}" for status, many in counts.items()) or "none was begun"
        return f"no trial has a value of {self.asked.metric} ({told}){f': {last}' if last else ''}"

    def _training(self, proposal: Proposal) -> commands.RequestTraining:
        number, asked = len(self.trials), self.asked
        return commands.RequestTraining(
            run=RunId(command_id("trial", self.of.run, number)),
            estimator=proposal.candidate.estimator,
            library_version=proposal.candidate.library_version,
            hyperparameters=proposal.hyperparameters,
            study=self.of.run,
            trial=number,
            medians=self._medians() if asked.prune else (),
            **{name: getattr(asked, name) for name in _OF_TRIALS},
        )

    def _medians(self) -> tuple[float, ...]:
        """Return, for each number of folds, the median of the means over so many of them.

        The median stopping rule: D. Golovin and others, "Google Vizier", KDD 2017, 3.2.1. There are
        none before five trials have all folds.
        """
        whole = [
            [value for value in folds.values if value is not None]
            for _, folds in self._scored()
            if None not in folds.values
        ]
        if len(whole) < 5:
            return ()
        counts = range(1, len(whole[0]) + 1)
        return tuple(
            statistics.median(math.fsum(one[:many]) / many for one in whole) for many in counts
        )

    async def _ask(self, command: Command, *parts: object) -> None:
        """Have a run of the study accepted; it is a member when this returns."""
        identity = command_id(*parts, self.of.run, "of study")
        try:
            answer = await self.by.client.ask(
                self.of.stream, command, identity, self.trace, self.keyid
            )
        except TooLarge as error:
            raise _RunRefused(error.detail) from None
        if answer.type not in _ACCEPTED:
            refused = event_of(answer)
            raise _RunRefused(getattr(refused, "detail", "") or type(refused).__name__)

    def _cancel(self, run: RunId) -> None:
        """Cancel a run of the study."""
        identity = command_id("cancel", run, "of study")
        self.by.client.post(self.of.stream, commands.CancelRun(run), identity, self.trace)

    async def _evaluate(self, best: _Trial) -> None:
        """Have the best trial measured on the held-out rows: once, whoever conducts the study."""
        asked, member = self.asked, self.evaluation
        if member is None:
            others = tuple(name for name in asked.fold_metrics if name != asked.metric)
            command = commands.RequestEvaluation(
                run=RunId(command_id("evaluation", self.of.run)),
                training=best.run,
                metrics=(asked.metric, *others),
                optional=others,
                dataset=asked.dataset,
                held_out=True,
                sensitive=asked.sensitive,
                read=asked.read,
                study=self.of.run,
                time_limit=asked.time_limit,
                memory_limit=asked.memory_limit,
                labels=asked.labels,
            )
            self.on_phase(f"measuring the best of {len(self.trials)} trials on the held-out rows")
            await self._ask(command, "evaluation")
        while (
            member := self.by.runs.member(self.of.stream, self.of.run, len(self.trials))
        ) is None or member.status == "open":
            self.changed.clear()
            await self._until_changed()
        self.evaluation = member

    def _result(self, best: _Trial) -> StudyResult:
        """Return the result of the study."""
        from autolearn.ml.tuning.sampler import ENVIRONMENT

        assert best.folds is not None
        sign = 1 if self.asked.maximize else -1
        others = sorted(
            (one for one, folds in self._scored() if one is not best),
            key=lambda one: -sign * one.folds.mean if one.folds is not None else math.inf,
        )
        defaults = [one for one in others if one.number < len(self.asked.candidates)]
        is_default = best.number < len(self.asked.candidates)
        counts = Counter(trial.status for trial in self.trials)
        held_out: dict[str, Any] = {}
        if self.evaluation is not None and self.evaluation.status == "completed":
            measured = self._outcome(self.evaluation, events.RunCompleted).result
            assert isinstance(measured, EvaluationResult)
            held_out = measured.results
        return StudyResult(
            best=best.run,
            trial=best.number,
            estimator=best.asked.estimator,
            hyperparameters=best.asked.hyperparameters,
            score=best.folds.mean,
            deviation=best.folds.deviation,
            counts=dict(counts),
            environment=dict(ENVIRONMENT),
            seconds=self._lasted(),
            second=_versus(best.folds, others, sign),
            defaults=None if is_default else _versus(best.folds, defaults, sign),
            evaluation=NO_RUN if self.evaluation is None else self.evaluation.run,
            held_out=held_out,
        )


def _versus(best: FoldScores, others: Sequence[_Trial], sign: int) -> Versus | None:
    """Compare the folds of the best trial with those of the first of others."""
    from autolearn.ml.tuning.significance import corrected_t_test

    if not others:
        return None
    other = others[0]
    assert other.folds is not None
    difference, p = corrected_t_test(best.values, other.folds.values)
    return Versus(other.run, other.number, other.folds.mean, sign * difference, p)

"""Has the versions that the gate compares measured on the rows on which a run's model was.

With newer data others are held out, so that a version of an earlier run has no figures for them.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from msgspec.structs import replace

from autolearn.agents.command_client import command_id
from autolearn.api.http.problems import Problem
from autolearn.api.identity.visibility import Level, access_to
from autolearn.api.limits.quotas import check_run
from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork, words_of
from autolearn.api.pipelines.tables import may_also, with_tables
from autolearn.api.services.evaluations.checks import request_evaluation
from autolearn.api.shared.bodies import DatasetBody, EvaluationBody
from autolearn.api.shared.lookup import RunOwner
from autolearn.projections.queries.decrypting_reader import May
from autolearn.projections.queries.evaluations import evaluations_of, figures_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.commands import RequestEvaluation
from autolearn.schemas.models.promotion import Requirement
from autolearn.schemas.rest.models import ModelVersionRow
from autolearn.schemas.rest.runs import EvaluationRow, TrainingRow
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import HeldOut, RunId, SessionId

_BY_HASH = "`split: {by: hash}` holds the same rows out in each run"


class Unmeasured(Exception):
    """A version cannot be measured on the rows; its text says why, for people."""


class Beside(NamedTuple):
    """What is to be said of the measured versions, and `why` one of them cannot be compared."""

    notes: tuple[str, ...] = ()
    why: str = ""


class _Side(NamedTuple):
    """A training with its evaluations, the newest first."""

    training: TrainingRow
    evaluations: list[EvaluationRow]

    def newest(self, metric: str) -> EvaluationRow | None:
        """Return the newest evaluation with a metric."""
        return next((one for one in self.evaluations if metric in figures_of(one)), None)

    def is_measured(self, like: EvaluationRow, metric: str) -> bool:
        """Return whether it has a metric on the rows of an evaluation."""
        return any(
            metric in figures_of(one)
            and one.dataset.is_content_of(like.dataset)
            and one.rows_sha256 == like.rows_sha256
            for one in self.evaluations
        )


async def measure_alike(
    by: ConductedRun,
    work: StepWork,
    model: str,
    mine: tuple[SessionId, RunId],
    required: list[Requirement],
) -> Beside:
    """Have each version with a required alias measured on the rows on which a training was.

    Raises:
        StepFailed: an evaluation was cut short.
        Problem: one cannot be asked for now.
    """
    here = await by.read(lambda now, _: _side(now, *mine))
    if here is None:
        raise StepFailed("the session of the run has ended")
    notes: list[str] = []
    for alias in dict.fromkeys(one.alias for one in required if one.alias):
        version = await by.read(lambda now, _, alias=alias: _holder(now, model, alias))  # type: ignore[misc]
        if version is None or (version.experiment, version.training) == mine:
            continue
        whose = f"{alias} (version {version.version})"
        try:
            metrics = [one.metric for one in required if one.alias == alias]
            notes += await _measure(by, work, here, version, metrics)
        except Unmeasured as why:
            return Beside(tuple(notes), f"{whose} cannot be measured on the same rows: {why}")
        except StepFailed as why:
            raise StepFailed(f"{whose} was not measured on the same rows: {why}") from None
    return Beside(tuple(notes))


def _holder(now: Snapshot, model: str, alias: str) -> ModelVersionRow | None:
    row = now.models.get(model)
    number = row.aliases.get(alias, 0) if row is not None else 0
    return now.models.version(model, number) if number else None


def _side(now: Snapshot, session: SessionId, training: RunId) -> _Side | None:
    row = now.runs.training(session, training)
    if row is None or row.unreadable:
        return None
    return _Side(row, list(evaluations_of(now, session, training)))


async def _measure(
    by: ConductedRun, work: StepWork, here: _Side, version: ModelVersionRow, metrics: list[str]
) -> list[str]:
    """Have a version measured as a training was, and return notes about its figures.

    Raises:
        Unmeasured: it cannot be.
        StepFailed: the evaluation was cut short.
    """
    there = await by.read(lambda now, _: _side(now, version.experiment, version.training))
    if there is None:
        raise Unmeasured("its experiment cannot be read")
    mine, theirs = here.training, there.training
    if (theirs.task, theirs.target) != (mine.task, mine.target):
        raise Unmeasured(f"it does {_does(theirs)}, and this model {_does(mine)}")
    notes: list[str] = []
    wanted: dict[RunId, list[str]] = {}
    likes = {one.id: one for one in here.evaluations}
    for metric in dict.fromkeys(metrics):
        like = here.newest(metric)
        if like is None:  # the gate says so
            continue
        if like.held_out and (note := _may_know(mine, theirs)) and not notes:
            notes.append(f"version {version.version} {note}")
        if not there.is_measured(like, metric):
            wanted.setdefault(like.id, []).append(metric)
    for run, some in wanted.items():
        await _evaluate(by, work, mine, theirs, likes[run], some)
    return notes


def _does(training: TrainingRow) -> str:
    return f"{training.task} of {training.target}" if training.target else training.task


def _may_know(mine: TrainingRow, theirs: TrainingRow) -> str:
    """Return why a model may have learned from rows that another holds out, "" if it has not."""
    if theirs.imported:
        return "was made elsewhere: whether it has learned from some of these rows is not known"
    same = (mine.seed, mine.split) == (theirs.seed, theirs.split)
    if same and mine.dataset.is_content_of(theirs.dataset):
        return ""
    apart = mine.split.holds_out_again(theirs.split)
    if mine.split.kind == "hash":
        apart = apart and mine.seed == theirs.seed
    if mine.split.whole:  # the same row with another column has another hash
        apart = apart and mine.schema_hash == theirs.schema_hash
    if apart:
        return ""
    told = "may have learned from some of these rows, which flatters it"
    return f"{told}: it held out {theirs.split.test:.3g} of its rows {_how(theirs)}; {_BY_HASH}"


def _how(training: TrainingRow) -> str:
    split = training.split
    if split.kind == "random":
        return "at random"
    return f"by {split.kind}{f' of {split.column}' if split.column else ''}"


async def _evaluate(
    by: ConductedRun,
    work: StepWork,
    mine: TrainingRow,
    theirs: TrainingRow,
    like: EvaluationRow,
    metrics: list[str],
) -> None:
    """Evaluate a training of an experiment on the rows of another's evaluation, as the user.

    Of all rows of its own dataset it is measured on those that it has held out, and not compared.

    Raises:
        Unmeasured: the model does not fit the rows, or the user may not work in its experiment.
        StepFailed: the evaluation was cut short.
    """
    owner = RunOwner("experiment", theirs.session)
    run = RunId(command_id("beside", by.id, theirs.id, like.id, *metrics))
    data = like.dataset
    body = EvaluationBody(
        dataset=data.name if data.folder else DatasetBody(name=data.name, version=data.version),
        metrics=metrics,
        time_limit=work.step.time_limit,
        memory_limit=work.step.memory_limit,
    )
    rows = HeldOut(mine.id, mine.task, mine.target, mine.split, mine.seed)

    def asked(now: Snapshot, may: May) -> RequestEvaluation:
        """Look the table up under its earlier name: the step may have another one now."""
        same = next((one for one in by.tables.values() if one.version == data.version), None)
        tables = {} if same is None else {data.name: replace(same, name=data.name)}
        now, may = with_tables(now, {**by.tables, **tables}), may_also(may, tables)
        most = by.context.settings.workers
        command = request_evaluation(run, owner, theirs.id, body, now, most, may)
        command = replace(command, positive=like.positive)
        return replace(command, held_out=False, held_out_by=rows) if like.held_out else command

    try:
        via = await _require_work(by, theirs.session)
        command = await by.read(asked)
        if by.context.queries.latest().runs.stored(theirs.session, "evaluation", run) is None:
            check_run(by.context.settings.quotas, by.context.queries.now(), theirs.session)
        at = stream("session", theirs.session)
        await by.commands.act(at, command, "beside", run, via=via)
    except Problem as problem:
        if problem.status_code >= 500 or problem.kind == "quota-exceeded":  # another time it may
            raise
        raise Unmeasured(words_of(problem).removesuffix(".")) from None
    await by.until_ended(theirs.session, "evaluation", run)
    row = await by.run_of(theirs.session, "evaluation", run)
    if row is None or row.unreadable:
        raise Unmeasured("its experiment was deleted meanwhile")
    if row.status == "completed":
        return
    why = f"{row.reason}: {row.detail}" if row.reason else "its evaluation was cancelled"
    if row.reason == "input":
        raise Unmeasured(row.detail.removesuffix("."))
    raise StepFailed(why)


async def _require_work(by: ConductedRun, experiment: SessionId) -> str:
    """Return the group by whose grant the user may work in an experiment, "" for none.

    Raises:
        Unmeasured: the user may not.
    """
    who, queries = by.commands.principal(), by.context.queries
    level, via = await asyncio.to_thread(lambda: access_to(who, queries.latest(), experiment))
    if level < Level.WORK:
        whose = f"its experiment is another user's, and {who.name} may not work in it"
        raise Unmeasured(f"{whose} (experiment share)")
    return via

"""Tables of sessions and experiments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType

from autolearn.client.cli.output import pairs, rows, sentence, short, when
from autolearn.client.cli.tables.annotations import add_columns, said_of
from autolearn.client.cli.tables.runs import evaluations, predictions, split_in_words, trainings
from autolearn.client.cli.tables.studies import studies
from autolearn.client.sdk.sessions import ExperimentWithRuns, SessionWithRuns
from autolearn.schemas.rest.experiments import ExperimentSummary
from autolearn.schemas.rest.runs import Evaluation, Prediction, Training
from autolearn.schemas.rest.sessions import SessionSummary
from autolearn.schemas.values import DatasetRef


def sessions(found: Iterable[SessionSummary], current: str = "") -> RenderableType:
    """Return a table of open sessions; the current one is marked."""
    found = list(found)
    heads = ["session", "", "owner", "created", "changed", "title"]
    lines: list[list[object]] = [
        [
            short(one.id),
            "*" * (one.id == current),
            one.actor,
            when(one.created),
            when(one.updated),
            _title(one),
        ]
        for one in found
    ]
    if any(one.expiring for one in found):
        heads.append("expires")
        for line, one in zip(lines, found, strict=True):
            line.append(when(one.expiring) if one.expiring else "-")
    add_columns(heads, lines, found)
    leave = ("created", "changed", "note", "tags", "owner")
    return rows(heads, lines, leave=leave, wraps=("title", "tags", "note"))


def session(one: SessionWithRuns) -> RenderableType:
    """Return an open session, with its running work at the end."""
    about = pairs(
        {
            "session": one.id,
            "title": _title(one),
            "owner": one.actor,
            "created": when(one.created),
            "changed": when(one.updated),
            **({"expires": f"{when(one.expiring)}, unless used or kept"} if one.expiring else {}),
            **said_of(one),
            **{kind: _statuses(counts) for kind, counts in one.counts.items() if one.withheld},
        }
    )
    parts: list[RenderableType] = [about]
    parts += runs(one.trainings, one.evaluations, one.predictions)
    if one.studies:
        parts += ["", studies(one.studies)]
    if one.running:
        lines = [
            (short(now.run), now.kind, now.phase, _since(now.since), now.host, now.attempt)
            for now in one.running
        ]
        heads = ("running now", "kind", "phase", "for", "host", "attempt")
        parts += ["", rows(heads, lines)]
    return Group(*parts)


def _title(one: SessionSummary | ExperimentSummary | ExperimentWithRuns) -> str:
    """Return the title of a session or experiment, unless it is withheld."""
    return "(confidential)" if one.withheld else one.title


def _statuses(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"


def experiments(found: Iterable[ExperimentSummary]) -> RenderableType:
    """Return experiments."""
    found = list(found)
    heads = ["experiment", "title", "owner", "committed", "trainings", "cpu s", "data"]
    lines: list[list[object]] = [
        [
            short(one.id),
            _title(one),
            one.actor,
            when(one.committed),
            _trainings(one),
            None if one.cpu_seconds is None else f"{one.cpu_seconds:.2f}",
            _names(one.training_data),
        ]
        for one in found
    ]
    add_columns(heads, lines, found)
    leave = ("data", "cpu s", "owner", "trainings", "committed", "note", "tags")
    return rows(heads, lines, leave=leave, wraps=("title", "tags", "note"))


def _trainings(one: ExperimentSummary) -> str:
    """Return how many trainings are kept, and how many of them a search has found."""
    kept = len(one.trainings)
    return f"{len(one.matches)} of {kept}" if one.matches else str(kept)


def experiment(one: ExperimentWithRuns) -> RenderableType:
    """Return an experiment with its runs."""
    about = pairs(
        {
            "experiment": one.id,
            "title": _title(one),
            "owner": one.actor,
            "created": when(one.created),
            "committed": when(one.committed),
            "training data": _names(one.training_data),
            "evaluation data": _names(one.evaluation_data),
            **said_of(one),
        }
    )
    late = [run for run in one.evaluations if run.number > one.sequence]
    kept = [run for run in one.evaluations if run.number <= one.sequence]
    parts = runs(one.trainings, kept)
    if late:
        parts += ["", sentence("Evaluated since the commit"), "", evaluations(late)]
    return Group(about, *parts, *runs((), (), one.predictions))


def runs(
    trained: Sequence[Training],
    evaluated: Sequence[Evaluation],
    predicted: Sequence[Prediction] = (),
) -> list[RenderableType]:
    """Return the tables of runs that are not empty, each after an empty line."""
    parts: list[RenderableType] = []
    if trained:
        parts += ["", *_splits(trained), trainings(trained)]
        notes = [(short(one.id), note) for one in trained for note in one.notes]
        logged = [(short(one.id), *item) for one in trained for item in one.logged.items()]
        if logged:
            parts += ["", rows(("training", "logged", "value"), logged)]
        files = [(short(run.id), file) for run in trained for file in run.attachments]
        if files:
            told = [(of, file.name, file.media, file.bytes) for of, file in files]
            parts += ["", rows(("training", "attached", "type", "bytes"), told)]
        if notes:
            lines = [(of, when(note.time), note.actor, note.text) for of, note in notes]
            parts += ["", rows(("training", "noted", "by", "note"), lines)]
    if evaluated:
        parts += ["", evaluations(evaluated)]
    if predicted:
        parts += ["", predictions(predicted)]
    return parts


def _splits(trained: Sequence[Training]) -> list[RenderableType]:
    """Say how the rows of all trainings were split, and whether all share the held-out rows."""
    known = [one for one in trained if not (one.unreadable or one.imported)]
    splits = {split_in_words(one) for one in known}
    same = {(one.dataset.version, one.target, one.split.kind, one.split.column) for one in known}
    if len(splits) != 1 or len(same) != 1:
        return []
    shared = ", the same rows for all" if len(known) > 1 else ""
    return [sentence(f"Split: {splits.pop()}{shared}."), ""]


def _names(data: Iterable[DatasetRef]) -> str:
    """Return datasets by name and version."""
    return ", ".join(f"{one.name}@{short(one.version)}" for one in data)


def _since(time: str | None) -> str:
    if time is None:
        return "-"
    return f"{max(0.0, (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()):.0f} s"

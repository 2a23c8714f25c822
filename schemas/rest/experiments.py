"""The answers of service `experiments`."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.rest.annotations import Note
from autolearn.schemas.rest.page import Links, Page
from autolearn.schemas.rest.runs import RunSummary
from autolearn.schemas.values import DatasetRef, RunId, SessionId


class ExperimentCore(Struct, kw_only=True, frozen=True):
    """What every view of an experiment has: a committed session.

    `cpu_seconds` are those of the processors that its kept runs have used, as far as measured;
    None: of none.
    """

    id: SessionId
    title: str
    created: str
    committed: str
    actor: str
    sequence: int
    training_data: tuple[DatasetRef, ...]
    evaluation_data: tuple[DatasetRef, ...]
    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    cpu_seconds: float | None = None
    unreadable: bool = False


class ExperimentRow(ExperimentCore, kw_only=True, frozen=True):
    """A committed session, with the ids of the `trainings` that it keeps.

    `matches` are those that a search by estimator or figures has found.
    """

    trainings: tuple[RunId, ...]
    matches: tuple[RunId, ...] = ()


class ExperimentSummary(ExperimentRow, kw_only=True, frozen=True):
    """An experiment in a list. Data and title may be `withheld`."""

    withheld: bool = False
    links: Links


class ExperimentPage(Page[ExperimentSummary]):
    """A part of the list of experiments; so many were `looked` at for it, found or not.

    With `next` there may be more, also where nothing was found yet.
    """

    looked: int = 0


class ExperimentOverview(ExperimentCore, kw_only=True, frozen=True):
    """An experiment with how many runs it keeps. `counts` and `withheld` are as in a session.

    `since_commit` counts the runs since the commit, which have a number beyond `sequence`.
    """

    withheld: bool = False
    counts: dict[str, dict[str, int]]
    since_commit: dict[str, dict[str, int]] = {}
    links: Links


class Experiment(ExperimentOverview, kw_only=True, frozen=True):
    """An experiment with a page of its runs, in the order of their requests."""

    runs: list[RunSummary]
    next: str | None


class DeletedExperiment(Struct):
    """An experiment that was deleted."""

    id: str
    deleted: str

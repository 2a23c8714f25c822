"""The check of a run of a pipeline: what its steps did, and how doing it again compares."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autolearn.schemas.events import StepRequested
from autolearn.schemas.reports.retrain import Difference, RecordedTraining
from autolearn.schemas.values import JsonValue, RunId

StepVerdict = Literal["identical", "differs", "failed", "not repeated"]


class ReplayedStep(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a step that was done again compares with its result.

    `files` are the names of its files that differ; `columns` are the differing rows by the columns
    of its table. `detail` says more: why it failed or was not done again, say. `made_by` is the run
    whose result the step took from the cache. `seconds` is how long the step took now.
    """

    step: str
    kind: str
    verdict: StepVerdict
    detail: str = ""
    files: tuple[str, ...] = ()
    columns: dict[str, int] = {}
    environment: tuple[Difference, ...] = ()
    made_by: str = ""
    seconds: float | None = None


class RecordedProcess(Struct, frozen=True):
    """The process of a step: its request, whose inputs are in clear, and what it left.

    `files` are the SHA-256 (hex) of its files by name. Processes `before` it have each made the
    table that the next one takes.
    """

    request: StepRequested
    files: dict[str, str]
    environment: dict[str, JsonValue]
    before: tuple[StepRequested, ...] = ()


class RecordedStep(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A step of a run, with what is to be done again: its process, trainings or evaluations.

    `data` is the version of the dataset that it reads. A step of which nothing is to be done has
    its `end`.
    """

    step: str
    kind: str
    made_by: str = ""
    process: RecordedProcess | None = None
    trainings: tuple[RecordedTraining, ...] = ()
    searched: int = 0
    """So many of the trainings are the best ones of studies, which are not done again."""
    evaluations: tuple[RunId, ...] = ()
    data: str = ""
    end: ReplayedStep | None = None


class RecordedPipelineRun(Struct, frozen=True):
    """A run of a pipeline, with its steps in their order.

    `data` are the files of its datasets and tables by their versions, and `models` the folders of
    its artifacts by their digests, all in clear; `missing` says why one of them is not there.
    """

    run: RunId
    pipeline: str
    steps: tuple[RecordedStep, ...]
    data: dict[str, str]
    models: dict[str, str]
    missing: dict[str, str]


class PipelineReplay(Struct, frozen=True):
    """The result of a check. `same` says whether nothing differs and nothing has failed."""

    run: RunId
    pipeline: str
    steps: tuple[ReplayedStep, ...]
    same: bool
    seconds: float

"""The answers about runs of pipelines, and their steps."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.rest.page import Links
from autolearn.schemas.rest.runs import LiveProgress, PipelineRunRow
from autolearn.schemas.values import RunId


class StepState(Struct, kw_only=True, frozen=True):
    """A step of a run: `waiting`, `running`, or how it has ended.

    `why` says why it ran, or why it has no result; `made_by` is the run of the pipeline whose
    result was taken from the cache. `run` is the process of its own, if it had one.
    """

    name: str
    kind: str
    status: str
    why: str = ""
    gave: StepGave = StepGave()
    inputs: dict[str, str] = {}
    made_by: RunId | None = None
    seconds: float | None = None
    run: RunId | None = None
    ended: str | None = None
    links: Links = {}


class PipelineRun(PipelineRunRow, kw_only=True, frozen=True):
    """A run of a pipeline, with its steps in the order of its definition."""

    pipeline: str
    steps: list[StepState]
    progress: LiveProgress | None
    links: Links


class PipelineRunSummary(Struct, kw_only=True, frozen=True):
    """A run of a pipeline in a list."""

    id: RunId
    pipeline: str
    number: int
    status: str
    requested: str
    started: str | None
    ended: str | None
    actor: str
    links: Links


class PlannedStep(Struct, kw_only=True, frozen=True):
    """What a step would do in a run: `run`, `cached`, or `unknown` until its inputs are known.

    `rows` and `memory` (MiB) are expected, None where they cannot be foreseen.
    """

    name: str
    kind: str
    plan: str
    why: str
    rows: int | None = None
    memory: int | None = None


class PipelinePlan(Struct, kw_only=True, frozen=True):
    """What a run would do."""

    pipeline: str
    pipeline_version: int
    steps: list[PlannedStep]

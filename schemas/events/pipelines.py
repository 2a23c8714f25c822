"""Events of pipelines."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.events.runs import RunRequested
from autolearn.schemas.messages import Event
from autolearn.schemas.pipelines.definition import Definition
from autolearn.schemas.pipelines.results import StepOutcome
from autolearn.schemas.values import JsonValue, May, RunId


class PipelineApplied(Event, frozen=True, omit_defaults=True):
    """A pipeline has a new version, `number`."""

    number: int
    definition: Definition
    text: str = ""
    note: str = ""


class PipelineRemoved(Event, frozen=True):
    """The pipeline is gone; runs that went on are `cancelled`."""

    cancelled: tuple[RunId, ...] = ()


class PipelineShared(Event, frozen=True):
    """A user or group may see the pipeline, or work with it."""

    user: str
    may: May


class PipelineUnshared(Event, frozen=True):
    """A user or group has no grant any more."""

    user: str


class PipelineRequested(RunRequested, frozen=True, omit_defaults=True, kw_only=True):
    """A run of a pipeline was accepted. The fields are those of `commands.RequestPipeline`."""

    pipeline_version: int
    definition: Definition
    parameters: dict[str, JsonValue] = {}
    sources: dict[str, DatasetSpec] = {}
    start_at: str = ""
    no_cache: bool = False


class StepRequested(RunRequested, frozen=True, omit_defaults=True, kw_only=True):
    """A step was accepted. The fields are those of `commands.RequestStep`."""

    pipeline_run: RunId
    step: str
    function: str
    package: str
    package_version: str
    digest: str
    parameters: dict[str, JsonValue]
    tables: tuple[DatasetSpec, ...] = ()
    seed: int = 0
    artifact: str = ""
    artifact_keyid: str = ""
    network: bool = False


class StepRecorded(Event, frozen=True):
    """A step of a run has ended."""

    run: RunId
    outcome: StepOutcome


class RunsForgotten(Event, frozen=True):
    """These runs of the pipeline, and their steps, are forgotten."""

    runs: tuple[RunId, ...]

"""Commands of pipelines."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands.runs import RequestRun
from autolearn.schemas.messages import Command
from autolearn.schemas.pipelines.definition import Definition
from autolearn.schemas.pipelines.results import StepOutcome
from autolearn.schemas.values import JsonValue, May, RunId


class ApplyPipeline(Command, frozen=True, omit_defaults=True):
    """Make a definition the newest version of a pipeline; the first one makes the pipeline.

    `text` is the file that declares it, as it was written ("": it was no file).
    """

    definition: Definition
    text: str = ""
    note: str = ""


class RemovePipeline(Command, frozen=True):
    """Remove a pipeline with its runs and their results; its name is not given again."""


class SharePipeline(Command, frozen=True):
    """Let a user or group see a pipeline with its results, or work with it."""

    user: str
    may: May = "read"


class UnsharePipeline(Command, frozen=True):
    """Take a user's or group's grant back."""

    user: str


class RequestPipeline(RequestRun, frozen=True, omit_defaults=True, kw_only=True):
    """Ask for a run of a version of a pipeline, `pipeline_version`.

    `definition` is that version with the `parameters` put in. `sources` are the versions of the
    datasets that it reads, by step. Results of the cache are taken but with `no_cache`, and but for
    the step `start_at` and those that depend on it.
    """

    pipeline_version: int
    definition: Definition
    parameters: dict[str, JsonValue] = {}
    sources: dict[str, DatasetSpec] = {}
    start_at: str = ""
    no_cache: bool = False


class RequestStep(RequestRun, frozen=True, omit_defaults=True, kw_only=True):
    """Ask for one step of a run of the pipeline, `pipeline_run`.

    `function` is the kind of step, of a `package` whose sources have the SHA-256 `digest` (hex).
    `tables` are its inputs, in their order. A step that predicts has the folder of a training's
    `artifact`, encrypted with the key `artifact_keyid`. With `network` it runs outside the fence.
    """

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


class RecordStep(Command, frozen=True):
    """Record the end of a step of a run that goes on."""

    run: RunId
    outcome: StepOutcome


class ForgetRuns(Command, frozen=True):
    """Forget ended runs of the pipeline with their steps, whose results are deleted."""

    runs: tuple[RunId, ...]

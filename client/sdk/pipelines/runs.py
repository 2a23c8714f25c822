"""Runs of pipelines as objects: wait for them, and fetch what their steps have left."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autolearn.client.sdk.errors import BadArgument, PipelineFailed
from autolearn.client.sdk.flows import Call, Flow, ask, fetch
from autolearn.client.sdk.handles.datasets import dataset_frame, named
from autolearn.client.sdk.handles.frames import needed
from autolearn.client.sdk.handles.pages import Pages
from autolearn.client.sdk.handles.run_methods import (
    SHORT_ID,
    RunMethods,
    Wait,
    seconds_of_wait,
    waiting,
)
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.operation import Either, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.pipelines.local_files import destinations, file_of_form
from autolearn.client.sdk.sessions import (
    AsyncExperimentHandle,
    AsyncSessionHandle,
    ExperimentHandle,
    SessionHandle,
)
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.pipelines.results import LOG, TABLE
from autolearn.schemas.rest.experiments import ExperimentOverview
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.pipelines.runs import PipelineRun, PipelineRunSummary, StepState
from autolearn.schemas.rest.runs import Artifact, StepRunRow
from autolearn.schemas.rest.sessions import SessionOverview

if TYPE_CHECKING:
    import httpx
    import pandas as pd


class PipelineRunMethods(RunMethods[PipelineRun]):
    """A run of a pipeline, with its steps."""

    _kind, _type, _failed = "pipeline", PipelineRun, PipelineFailed
    _fields = frozenset(PipelineRun.__struct_fields__) - {"steps"}
    _folder: Path | None = None
    """Where delivered files are written at the end; None: they are not."""
    written: Mapping[str, Path] = {}
    """The files that were written, by the step that delivered them."""

    @property
    def steps(self) -> dict[str, StepState]:
        """Its steps by name, in their order, as they were known last."""
        return {one.name: one for one in self.data.steps}

    @property
    def failed_steps(self) -> list[StepState]:
        """The steps that failed; each has its reason in `why`."""
        return [one for one in self.data.steps if one.status == "failed"]

    @operation
    def table(self, step: str) -> Flow[pd.DataFrame]:
        """Fetch the table of a step as a data frame.

        Raises:
            MissingPackage: pandas or pyarrow is not installed.
            BadArgument: there is no such step, or it has given no table.
            Problem: the table is gone.
        """
        needed("pyarrow", "table()")
        pandas = needed("pandas", "table()")
        gave = self._named(step).gave
        if gave.artifact is None and gave.table is not None:
            ref = gave.table.ref
            found = yield from named(ref.name, ref.version, None)
            return (yield from dataset_frame(found))
        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            path = Path(folder) / TABLE
            yield from self._fetched(step, TABLE, path)
            frame: pd.DataFrame = pandas.read_parquet(path, engine="pyarrow")
        return frame

    @operation
    def files(self, step: str) -> Flow[Artifact]:
        """List the files that a step has left, with their SHA-256.

        Raises:
            BadArgument: there is no such step.
            Problem: it has left none.
        """
        return ask(Call("GET", f"{self._step(step)}/files", Artifact))

    @operation
    def step_run(self, step: str, part: str = "") -> Flow[StepRunRow]:
        """Return the process that a step had: all that it was to do, and its environment.

        That of a step from the cache is the one that made the result. A step that predicts several
        times ahead has a process for each: that of the last one, or of the `part` such as 1h.

        Raises:
            BadArgument: there is no such step.
            Problem: it had none, or the run that made its result is forgotten.
        """
        return ask(Call("GET", f"{self._step(step)}/run", StepRunRow, {"part": part or None}))

    @operation
    def download_file(self, step: str, name: str, path: Path | str | None = None) -> Flow[Path]:
        """Fetch a file that a step has left, checked by its hash; to its name by default.

        Raises:
            BadArgument: there is no such step or file.
        """
        into = Path(path) if path is not None else Path(Path(name).name)
        yield from self._fetched(step, name, into)
        return into

    @operation
    def log(self, step: str) -> Flow[str]:
        """Return the text that a step has written to its standard output and error.

        Of a step that failed it is the reason, with the end of what it has written.

        Raises:
            BadArgument: there is no such step, or it has no log: it ran in no process of its own.
        """
        one = self._named(step)
        if one.status == "failed":
            return one.why
        with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
            path = Path(folder) / LOG
            yield from self._fetched(step, LOG, path)
            return path.read_text("utf-8", "replace")

    @operation
    def session(
        self,
    ) -> Flow[
        Either[
            SessionHandle | ExperimentHandle | None,
            AsyncSessionHandle | AsyncExperimentHandle | None,
        ]
    ]:
        """Return the session that it has trained in, or the experiment that this became.

        None if nothing was trained.
        """
        return self._trained_in()

    @operation
    def experiment(
        self,
    ) -> Flow[
        Either[
            SessionHandle | ExperimentHandle | None,
            AsyncSessionHandle | AsyncExperimentHandle | None,
        ]
    ]:
        """Return the experiment that its session became; the session, while that is open.

        None if it has trained nothing, or the session has expired or was discarded.
        """
        return self._trained_in()

    def _trained_in(self) -> Flow[Any]:
        run = self.data
        at = run.links.get("session", "")
        if not run.trained_in or not at:
            return None
        committed = at.startswith("/v1/experiments/")
        owner = RunParent(run.trained_in, "experiment" if committed else "session")
        answer: Any = ExperimentOverview if committed else SessionOverview
        kinds: Any = (SessionHandle, AsyncSessionHandle)
        if committed:
            kinds = (ExperimentHandle, AsyncExperimentHandle)
        found = yield from ask(Call("GET", owner.path, answer))
        return either(self, *kinds, self._http, owner, found)

    @operation
    def repeat(
        self,
        *,
        start_at: str | None = None,
        no_cache: bool = False,
        wait: Wait = True,
        raise_on_failure: bool = True,
        folder: Path | str = ".",
        key: str | None = None,
    ) -> Flow[Either[PipelineRunHandle, AsyncPipelineRunHandle]]:
        """Run the same version again with the same parameters and files.

        What was made comes from the cache, so that a run that failed goes on from there. `wait` as
        in `Pipeline.run`.

        Raises:
            TimedOut: it has not ended after `wait` seconds; it goes on.
            PipelineFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        run = self.data
        files = {
            step.name: f"{run.sources[step.name].name}@{run.sources[step.name].version}"
            for step in run.definition.steps
            if step.kind == "source" and "file" in step.parameters and step.name in run.sources
        }
        body: dict[str, object] = {
            "version": run.pipeline_version,
            "parameters": run.parameters,
            "files": files,
            "start_at": start_at,
            "no_cache": no_cache,
            "time_limit": run.time_limit,
        }
        place = Path(folder)
        destinations(run.definition, run.parameters, place)
        return (
            yield from started(
                self, run.pipeline, body, wait, key, place, raise_on_failure=raise_on_failure
            )
        )

    @operation
    def deliver(self, folder: Path | str = ".") -> Flow[Mapping[str, Path]]:
        """Write the files that its steps deliver below a folder; return them by step.

        Raises:
            BadArgument: it is not completed, or a name leads out of the folder.
        """
        if self.data.status != "completed":
            raise BadArgument(f"{self._name()} has delivered nothing: it is {self._state()}.")
        yield from self._delivered(Path(folder))
        return self.written

    def _followed(self, wait: float, *, raise_on_failure: bool) -> Flow[None]:  # noqa: ARG002
        """Write the delivered files, once."""
        if self._folder is not None and not self.written:
            yield from self._delivered(self._folder)

    def _delivered(self, folder: Path) -> Flow[None]:
        run = self.data
        for step, path in destinations(run.definition, run.parameters, folder).items():
            if self.steps[step].status in ("completed", "cached"):
                path.parent.mkdir(parents=True, exist_ok=True)
                yield from self._fetched(step, file_of_form(path), path)
                self.written = {**self.written, step: path}

    def _fetched(self, step: str, name: str, path: Path) -> Flow[None]:
        """Fetch a file of a step. Raises BadArgument for a step without it."""
        artifact = self._named(step).gave.artifact
        if artifact is None or name not in artifact.files:
            there = ", ".join(artifact.files) if artifact else "no files"
            raise BadArgument(f"The step {step} has no {name}: it has {there}.")
        call = Call("GET", f"{self._step(step)}/files/{segment(name)}", bytes)
        yield from fetch(call, path, artifact.files[name])

    def _path(self, owner: str) -> str:  # noqa: ARG002
        return f"/v1/pipeline-runs/{segment(self.id)}"

    def _step(self, step: str) -> str:
        return f"{self._path('')}/steps/{segment(self._named(step).name)}"

    def _named(self, step: str) -> StepState:
        """Return a step by its name. Raises BadArgument."""
        if step not in self.steps:
            known = ", ".join(self.steps)
            raise BadArgument(
                f"{self._name()} has no step {step!r}.", advice=f"There are: {known}."
            )
        return self.steps[step]

    def _name(self) -> str:
        return f"Run {self.id[:SHORT_ID]} of pipeline {self.data.pipeline}"

    def _why(self) -> str:
        """Return why it has no result: its failed steps, each with its reason."""
        steps = [f"the step {one.name}: {one.why}" for one in self.failed_steps]
        return "; ".join(steps) or super()._why()

    def _title(self) -> str:
        cached = self.data.counts.get("cached", 0)
        many = len(self.data.steps)
        words = f", {cached} of {many} steps from the cache" if cached else f", {many} steps"
        return f"{self._name()}: {self._state()}{words}"

    def _about(self) -> dict[str, object]:
        return {
            "run": self.id[:SHORT_ID],
            "pipeline": f"{self.data.pipeline}, version {self.data.pipeline_version}",
            "status": self._state(),
            "reason": self.data.reason,
            **{one.name: one.status for one in self.data.steps},
        }


def started(
    part: Any,
    pipeline: str,
    body: Mapping[str, object],
    wait: Wait,
    key: str | None,
    folder: Path,
    *,
    raise_on_failure: bool,
) -> Flow[Either[PipelineRunHandle, AsyncPipelineRunHandle]]:
    """Start a run, wait for it, and write what it delivers below a folder."""
    limit = seconds_of_wait(wait)
    at = f"/v1/pipelines/{segment(pipeline)}/runs"
    call = Call("POST", at, PipelineRun, body=body, key=key)
    handle: Any = _run_handle(part, (yield from ask(waiting(call, limit))))
    handle._folder = folder
    if limit is not None:
        yield from handle._until_ended(limit, raise_on_failure=raise_on_failure)
    made: Either[PipelineRunHandle, AsyncPipelineRunHandle] = handle
    return made


class PipelineRunHandle(PipelineRunMethods, BlockingPart):
    """A run of a pipeline."""

    def __init__(self, http: httpx.Client, data: PipelineRun) -> None:
        super().__init__(http)
        self._begin(RunParent(data.pipeline, "pipeline"), data)


class AsyncPipelineRunHandle(PipelineRunMethods, AwaitingPart):
    """A run of a pipeline, to await."""

    def __init__(self, http: httpx.AsyncClient, data: PipelineRun) -> None:
        super().__init__(http)
        self._begin(RunParent(data.pipeline, "pipeline"), data)


def _run_handle(
    client: Any, data: PipelineRun
) -> Either[PipelineRunHandle, AsyncPipelineRunHandle]:
    """Return a run as an object."""
    return either(client, PipelineRunHandle, AsyncPipelineRunHandle, client._http, data)


def runs_of(
    pipeline: str | None, limit: int | None, as_of: str | None
) -> Pages[PipelineRunSummary, PipelineRunSummary]:
    """Return the list of runs, of one pipeline or of all."""
    query = {"pipeline": pipeline, "as_of": as_of}
    return Pages(Call("GET", "/v1/pipeline-runs", Page[PipelineRunSummary], query), limit=limit)


def run_named(client: Any, run: str, as_of: str | None) -> Flow[Any]:
    """Get a run by its id, or the start of it."""
    at = f"/v1/pipeline-runs/{segment(run)}"
    found = yield from ask(Call("GET", at, PipelineRun, {"as_of": as_of}))
    return _run_handle(client, found)

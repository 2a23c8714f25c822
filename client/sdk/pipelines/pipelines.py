"""Pipelines as objects: apply a file, run it, and see its versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.handle import Handle
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.handles.run_methods import Wait
from autolearn.client.sdk.operation import Either, chained, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.pipelines.local_files import (
    destinations,
    file_sources,
    path_below,
    uploaded,
)
from autolearn.client.sdk.pipelines.runs import (
    AsyncPipelineRunHandle,
    PipelineRunHandle,
    run_named,
    runs_of,
    started,
)
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.pipelines.diff import PipelineDifference, differences
from autolearn.schemas.pipelines.graph import PipelineGraph, graph_of
from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.pipelines.definitions import (
    Pipeline,
    PipelineSummary,
    PipelineVersion,
    RemovedPipeline,
)
from autolearn.schemas.rest.pipelines.runs import PipelinePlan, PipelineRunSummary
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.rest.users import Me, QuotaState
from autolearn.schemas.values import JsonValue, May

if TYPE_CHECKING:
    import httpx

PipelineFile = Path | str | Mapping[str, Any]
"""A file that declares a pipeline: its path, its text (YAML or JSON), or the same as a mapping."""


class PipelineMethods(Handle[Pipeline]):
    """A pipeline: steps from data to result, of which each version is kept."""

    _fields = frozenset(Pipeline.__struct_fields__) - {"versions", "runs"}
    _folder: Path | None = None
    """The folder of the file that was applied, where the files of its sources are."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.data.name

    @chained
    def refresh(self) -> Flow[None]:
        """Get its newest state."""
        self._data = yield from ask(Call("GET", _at(self.name), Pipeline))

    @operation
    def run(
        self,
        /,
        *,
        version: int | None = None,
        start_at: str | None = None,
        no_cache: bool = False,
        files: Mapping[str, Path | str] | None = None,
        folder: Path | str = ".",
        time_limit: float | None = None,
        wait: Wait = True,
        raise_on_failure: bool = True,
        key: str | None = None,
        parameters: Mapping[str, JsonValue] | None = None,
        **named: JsonValue,
    ) -> Flow[Either[PipelineRunHandle, AsyncPipelineRunHandle]]:
        """Run it, by default the newest version, with values of its parameters: `run(test=0.2)`.

        `parameters` are others, whose names are not those of arguments.

        Results of the cache are taken, unless `no_cache`, but for the step `start_at` and those
        that depend on it. Files that it reads are uploaded as the datasets <pipeline>-<file> first:
        those beside the applied file, else below the current folder, or the `files` by step. Files
        that it delivers are written below the `folder`, when it has completed and was waited for:
        with `wait` for its end, or for at most so many seconds.

        Raises:
            BadArgument: a file is missing, or a name leads out of the folder.
            Problem: a parameter or a dataset does not fit.
            TimedOut: it has not ended after `wait` seconds; it goes on.
            PipelineFailed: it failed or was cancelled, unless `raise_on_failure` is off.
        """
        place = Path(folder)
        given = {**(parameters or {}), **named}
        body = yield from self._body(version, given, start_at, files, place, no_cache=no_cache)
        return (
            yield from started(
                self,
                self.name,
                {**body, "time_limit": time_limit},
                wait,
                key,
                place,
                raise_on_failure=raise_on_failure,
            )
        )

    @operation
    def plan(
        self,
        /,
        *,
        version: int | None = None,
        start_at: str | None = None,
        no_cache: bool = False,
        files: Mapping[str, Path | str] | None = None,
        parameters: Mapping[str, JsonValue] | None = None,
        **named: JsonValue,
    ) -> Flow[PipelinePlan]:
        """Return the plan of `run`: which steps would run, and which come from the cache.

        Files that it reads are uploaded for it, because their content decides.
        """
        given = {**(parameters or {}), **named}
        body = yield from self._body(version, given, start_at, files, None, no_cache=no_cache)
        at = f"{_at(self.name)}/runs"
        return (yield from ask(Call("POST", at, PipelinePlan, {"dry_run": True}, body)))

    def _body(
        self,
        version: int | None,
        parameters: Mapping[str, JsonValue],
        start_at: str | None,
        files: Mapping[str, Path | str] | None,
        folder: Path | None,
        *,
        no_cache: bool,
    ) -> Flow[dict[str, object]]:
        """Return the body of a run, after the upload of its files.

        Raises:
            BadArgument: a file is missing, or a name leads out of its folder.
        """
        definition = self.data.definition
        if version is not None:
            definition = (yield from ask(_version_call(self.name, version))).definition
        if folder is not None:
            destinations(definition, parameters, folder)
        named = file_sources(definition, parameters)
        if unknown := sorted({*(files or ())} - {*named}):
            raise BadArgument(
                f"There is no step {unknown[0]!r} that reads a file.",
                advice=f"Those that do: {', '.join(named) or 'none'}.",
            )
        theirs = False
        if self._folder is None and {*named} - {*(files or ())}:
            me = yield from ask(Call("GET", "/v1/me", Me))
            theirs = me.name != self.data.owner
        sent = {}
        for name, (file, step) in named.items():
            if files and name in files:
                path = Path(files[name])
            elif self._folder is not None:
                path = self._folder / file
            elif theirs:
                raise BadArgument(
                    f"The step {name} reads the file {file} of your machine, and the pipeline is "
                    f"{self.data.owner}'s, who would see it.",
                    advice=f"Name the file yourself: files={{{name!r}: {file!r}}}, or on the "
                    f"command line --input {name}={file}.",
                )
            else:
                path = path_below(Path(), file)
            sent[name] = yield from uploaded(self.name, step, path)
        return {
            "version": version,
            "parameters": dict(parameters),
            "files": sent,
            "start_at": start_at,
            "no_cache": no_cache,
        }

    @listing
    def versions(self, *, limit: int | None = None) -> Pages[PipelineVersion, PipelineVersion]:
        """List the versions, the first one first, at most `limit`."""
        call = Call("GET", f"{_at(self.name)}/versions", Page[PipelineVersion])
        return Pages(call, limit=limit)

    @operation
    def version(self, number: int) -> Flow[PipelineVersion]:
        """Return a version, with the file that declared it."""
        return ask(_version_call(self.name, number))

    @operation
    def diff(self, before: int, after: int | None = None) -> Flow[list[PipelineDifference]]:
        """Return the differences of two versions, by default to the newest one."""
        old = yield from ask(_version_call(self.name, before))
        new = yield from ask(_version_call(self.name, after or self.data.versions))
        return differences(old.definition, new.definition)

    @operation
    def graph(self, *, version: int | None = None) -> Flow[PipelineGraph]:
        """Return its steps, and what goes from step to step.

        `autolearn.schemas.pipelines.graph.mermaid` makes a flowchart of it.
        """
        definition = self.data.definition
        if version is not None:
            definition = (yield from ask(_version_call(self.name, version))).definition
        return graph_of(definition, DRIVEN)

    @listing
    def runs(
        self, *, limit: int | None = None, as_of: str | None = None
    ) -> Pages[PipelineRunSummary, PipelineRunSummary]:
        """List its runs, the newest first, at most `limit`."""
        return runs_of(self.name, limit, as_of)

    @listing
    def readers(self) -> Pages[Reader, Reader]:
        """List the users and groups with a grant, without the owner."""
        return Pages(Call("GET", f"{_at(self.name)}/readers", Page[Reader]), paged=False)

    @chained
    def share(self, user: str, may: May = "read") -> Flow[None]:
        """Let a user or group/NAME see it with its results, or work with it."""
        body = {"user": user, "may": may}
        self._data = yield from ask(Call("POST", f"{_at(self.name)}/share", Pipeline, body=body))

    @chained
    def unshare(self, user: str) -> Flow[None]:
        """Take the grant of a user or group/NAME back, at once."""
        body = {"user": user}
        self._data = yield from ask(Call("POST", f"{_at(self.name)}/unshare", Pipeline, body=body))

    @operation
    def remove(self) -> Flow[RemovedPipeline]:
        """Remove it with its runs and their results; its name is not given again.

        What it has delivered stays: datasets, experiments, versions of models.
        """
        return ask(Call("POST", f"{_at(self.name)}/remove", RemovedPipeline))

    def _title(self) -> str:
        one = self.data
        versions = "1 version" if one.versions == 1 else f"{one.versions} versions"
        last = f", the newest {one.last_status}" if one.last else ""
        return f"Pipeline {one.name}: {one.steps} steps, {versions}, {one.runs} runs{last}"

    def _about(self) -> dict[str, object]:
        one = self.data
        return {
            "pipeline": one.name,
            "summary": one.summary,
            "steps": ", ".join(step.name for step in one.definition.steps),
            "versions": one.versions,
            "runs": one.runs,
            "newest run": one.last_status,
            "owner": one.owner,
        }


class PipelineHandle(PipelineMethods, BlockingPart):
    """A pipeline."""

    def __init__(self, http: httpx.Client, data: Pipeline) -> None:
        super().__init__(http)
        self._data = data


class AsyncPipelineHandle(PipelineMethods, AwaitingPart):
    """A pipeline, to await."""

    def __init__(self, http: httpx.AsyncClient, data: Pipeline) -> None:
        super().__init__(http)
        self._data = data


class Pipelines:
    """The pipelines."""

    _http: Any

    @operation
    def apply(
        self, file: PipelineFile, *, note: str = ""
    ) -> Flow[Either[PipelineHandle, AsyncPipelineHandle]]:
        """Make a file the newest version of the pipeline that it names; the first one makes that.

        The file is a path, the text itself (YAML or JSON), or the same as a dict. The same
        definition again is no new version.

        Raises:
            BadArgument: there is no such file, or it is no text.
            Problem: the file has faults (pipeline-invalid): `errors` has each with its line and
                column; or the name is taken.
        """
        text, folder = _text_of(file)
        made = yield from _applied(text, note)
        found = yield from ask(Call("GET", _at(made.pipeline), Pipeline))
        handle: Any = _handle(self, found)
        handle._folder = folder
        return handle  # type: ignore[no-any-return]

    @operation
    def apply_version(self, file: PipelineFile, *, note: str = "") -> Flow[PipelineVersion]:
        """Do the same, and return the version that the file is."""
        return _applied(_text_of(file)[0], note)

    @operation
    def check(self, file: PipelineFile) -> Flow[PipelineVersion]:
        """Return the version that `apply` would make of a file; nothing is changed.

        Raises:
            BadArgument, Problem: as `apply`.
        """
        body = {"text": _text_of(file)[0]}
        return ask(Call("POST", "/v1/pipelines", PipelineVersion, {"dry_run": True}, body))

    @operation
    def schema(self) -> Flow[dict[str, Any]]:
        """Return the JSON Schema of a file that declares a pipeline, for editors.

        It has the steps that workers offer now, with their parameters.
        """
        return ask(Call("GET", "/v1/pipeline-schema", dict[str, Any]))

    @listing
    def list(
        self, *, limit: int | None = None, as_of: str | None = None, shared: bool = False
    ) -> Pages[PipelineSummary, PipelineSummary]:
        """List the pipelines that you own or may see, or only those that others have `shared`."""
        query = {"as_of": as_of, "shared": shared or None}
        return Pages(Call("GET", "/v1/pipelines", Page[PipelineSummary], query), limit=limit)

    @operation
    def get(
        self, name: str, *, as_of: str | None = None
    ) -> Flow[Either[PipelineHandle, AsyncPipelineHandle]]:
        """Return a pipeline by its name."""
        return _pipeline_named(self, name, as_of)

    @listing
    def quotas(self, name: str) -> Pages[QuotaState, QuotaState]:
        """List the quotas of a pipeline: limits and use."""
        return Pages(Call("GET", f"{_at(name)}/quota", Page[QuotaState]), paged=False)

    @operation
    def set_quota(self, name: str, quota: str, limit: int | None) -> Flow[Page[QuotaState]]:
        """Set a pipeline's own limit of a quota; None: the default holds again.

        Raises:
            Problem: the limit is above the default, and you are no sysadmin.
        """
        body = {"name": quota, "limit": limit}
        return ask(Call("POST", f"{_at(name)}/quota", Page[QuotaState], body=body))

    def __getitem__(self: Any, name: str) -> Any:
        return self.get(name)


class PipelineAccess:
    """Pipelines and their runs, as the client finds them."""

    _http: Any

    @operation
    def pipeline(
        self, name: str, *, as_of: str | None = None
    ) -> Flow[Either[PipelineHandle, AsyncPipelineHandle]]:
        """Return a pipeline by its name."""
        return _pipeline_named(self, name, as_of)

    @listing
    def pipeline_runs(
        self, *, pipeline: str | None = None, limit: int | None = None, as_of: str | None = None
    ) -> Pages[PipelineRunSummary, PipelineRunSummary]:
        """List the runs of all pipelines or of one, the newest first, at most `limit`."""
        return runs_of(pipeline, limit, as_of)

    @operation
    def pipeline_run(
        self, run: str, *, as_of: str | None = None
    ) -> Flow[Either[PipelineRunHandle, AsyncPipelineRunHandle]]:
        """Return a run of a pipeline by its id, or the start of it."""
        return run_named(self, run, as_of)


def _text_of(file: PipelineFile) -> tuple[str, Path | None]:
    """Return the text of a pipeline's file, and its folder if it has one.

    Raises:
        BadArgument: there is no such file, or it is no text.
    """
    if isinstance(file, Mapping):
        return msgspec.json.encode(file).decode(), None
    if isinstance(file, str) and ("\n" in file or file.lstrip().startswith("{")):
        return file, None
    path = Path(file)
    try:
        return path.read_text("utf-8"), path.parent
    except FileNotFoundError:
        advice = "Give the path of a YAML or JSON file, its text, or a dict."
        raise BadArgument(f"There is no file {path}.", advice=advice) from None
    except UnicodeDecodeError:
        raise BadArgument(f"{path} is no text in UTF-8.") from None


def _applied(text: str, note: str) -> Flow[PipelineVersion]:
    body = {"text": text, "note": note}
    return ask(Call("POST", "/v1/pipelines", PipelineVersion, body=body))


def _pipeline_named(client: Any, name: str, as_of: str | None = None) -> Flow[Any]:
    """Get a pipeline by its name."""
    found = yield from ask(Call("GET", _at(name), Pipeline, {"as_of": as_of}))
    return _handle(client, found)


def _version_call(name: str, number: int) -> Call[PipelineVersion]:
    return Call("GET", f"{_at(name)}/versions/{number}", PipelineVersion)


def _handle(client: Any, data: Pipeline) -> Either[PipelineHandle, AsyncPipelineHandle]:
    """Return a pipeline as an object."""
    return either(client, PipelineHandle, AsyncPipelineHandle, client._http, data)


def _at(name: str) -> str:
    """Return the path of a pipeline."""
    return f"/v1/pipelines/{segment(name)}"

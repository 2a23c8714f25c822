"""The answers about pipelines and their versions."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.pipelines.definition import Definition
from autolearn.schemas.rest.page import Links
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.values import RunId


class PipelineRow(Struct, kw_only=True, frozen=True):
    """A pipeline, with the numbers of its versions and runs. `last` is its newest run.

    `last_status` and `last_requested` (RFC 3339) are those of that run, "" without one. `summary`
    is that of the newest version; it is empty, and `unreadable` set, where that cannot be read.
    """

    name: str
    owner: str
    created: str
    updated: str
    versions: int
    runs: int
    summary: str = ""
    steps: int = 0
    last: RunId | None = None
    last_status: str = ""
    last_requested: str = ""
    unreadable: bool = False


class PipelineSummary(PipelineRow, kw_only=True, frozen=True):
    """A pipeline in a list."""

    links: Links


class PipelineVersionRow(Struct, kw_only=True, frozen=True):
    """A version of a pipeline. `text` is the file that declared it, "" if that was no file.

    `applied` is a time (RFC 3339), "" of a version that was only checked.
    """

    pipeline: str
    number: int
    definition: Definition
    text: str
    note: str
    applied: str
    actor: str
    unreadable: bool = False


class PipelineVersion(PipelineVersionRow, kw_only=True, frozen=True):
    """A version of a pipeline."""

    links: Links


class Pipeline(PipelineRow, kw_only=True, frozen=True):
    """A pipeline, with its newest version and its grants."""

    definition: Definition
    grants: list[Reader]
    links: Links


class RemovedPipeline(Struct):
    """A pipeline that was removed, and when."""

    name: str
    removed: str

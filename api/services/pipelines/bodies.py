"""The bodies of requests about pipelines."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from autolearn.api.http.body import Body, Name
from autolearn.api.shared.bodies import LimitsBody
from autolearn.schemas.bounds import PIPELINE_TEXT


class ApplyBody(Body):
    """A file that declares a pipeline, as YAML or JSON text."""

    text: Annotated[str, Field(max_length=PIPELINE_TEXT)]
    note: Annotated[str, Field(max_length=2000)] = ""


class RunBody(LimitsBody):
    """What is run of a pipeline, and with what. The limit of time is that of the whole run."""

    version: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The newest version without it."
    )
    parameters: Annotated[dict[Name, Any], Field(max_length=100)] = {}
    files: Annotated[dict[Name, Name], Field(max_length=100)] = Field(
        default={},
        description="The datasets NAME@VERSION as which the `file` of each source was uploaded, by "
        "the name of the step.",
    )
    start_at: Name | None = Field(
        default=None, description="A step that runs, and those that depend on it, in any case."
    )
    no_cache: bool = Field(default=False, description="Take no result from the cache.")

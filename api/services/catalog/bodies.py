"""The bodies of requests about labels of rows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from autolearn.api.http.body import Body, Name
from autolearn.schemas.bounds import LONGEST_NAME, TRUTHS
from autolearn.schemas.catalog import MOST_CLASSES

_Label = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=10_000)]


class LabelBody(Body):
    """What a row is: a class, or a number."""

    row: Annotated[StrictInt, Field(ge=0, lt=2**53, description="Its number, from 0.")]
    value: _Label


class LabelsBody(Body):
    """What rows of a version of a dataset are."""

    labels: Annotated[list[LabelBody], Field(min_length=1, max_length=TRUTHS)]
    target: Annotated[str, Field(max_length=LONGEST_NAME)] = Field(
        default="", description="The column; by default the target of the dataset."
    )
    version: Annotated[str, Field(max_length=64)] = Field(
        default="", description="The version or its start; by default the newest one."
    )
    classes: Annotated[list[Name], Field(max_length=MOST_CLASSES)] = Field(
        default=[], description="The labels that may be given; by default the known classes."
    )
    replace: bool = Field(default=False, description="Whether a label may replace another one.")

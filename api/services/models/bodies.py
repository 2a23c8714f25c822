"""The bodies of requests to models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt

from autolearn.api.http.body import Body, Name
from autolearn.api.shared.bodies import ReaderBody
from autolearn.schemas.bounds import LONGEST_NOTE, MOST_REQUIREMENTS
from autolearn.schemas.models.versions import CHAMPION, ModelMay

Words = Annotated[str, Field(max_length=LONGEST_NOTE)]
Alias = Annotated[
    str,
    Field(
        max_length=100,
        pattern=r"^[a-z]([a-z0-9._-]*[a-z0-9])?$",
        description="Lower-case letters, digits, dots, dashes and underscores; a letter first.",
    ),
]
Version = Annotated[StrictInt, Field(ge=1)] | Name
Requirement = Annotated[str, Field(min_length=1, max_length=300)]


class RegisterBody(Body):
    """A training of an experiment that becomes the next version."""

    training: Name = Field(
        description="The id of a training, or of an experiment with one training; a start will do."
    )
    note: Words = ""


class RetireBody(Body):
    """Why a version is retired."""

    reason: Words = ""


class AliasBody(Body):
    """A version, by its number or an alias, and its alias; null takes the alias away."""

    alias: Alias
    version: Version | None = None


class PromoteBody(Body):
    """The version that shall answer, and what it must show for that."""

    version: Version
    alias: Alias = CHAMPION
    require: Annotated[list[Requirement], Field(max_length=MOST_REQUIREMENTS)] = Field(
        default=[],
        description="Such as `f1 >= 0.8` or `f1 >= champion + 0.01`: a metric, a comparison, and a "
        "number or an alias with a number added. Both are measured on the same rows.",
    )
    reason: Words = ""


class RollBackBody(Body):
    """Why the version before answers again."""

    alias: Alias = CHAMPION
    reason: Words = ""


class ModelGrantBody(ReaderBody):
    """A user or group/<name>, who may see the model, ask it as well, or promote as well."""

    may: ModelMay = "predict"

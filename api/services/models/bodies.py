"""The bodies of requests to models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StrictInt, field_validator, model_validator

from autolearn.api.http.body import Body, Name
from autolearn.api.shared.bodies import LimitsBody, ReaderBody
from autolearn.schemas.bounds import (
    ERASED_KEYS,
    HIGHEST_RATE,
    LONGEST_NAME,
    LONGEST_NOTE,
    MOST_GUARDS,
    MOST_REQUIREMENTS,
    MOST_ROUTES,
    ONLINE_ROWS,
    TRUTHS,
)
from autolearn.schemas.models.versions import CHAMPION, ModelMay, Recording

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


class TrafficBody(Body):
    """How requests are shared among versions; null for `routes` lets the champion answer all."""

    routes: (
        Annotated[
            dict[Name, Annotated[StrictInt, Field(ge=1, le=100)]],
            Field(min_length=1, max_length=MOST_ROUTES),
        ]
        | None
    ) = Field(
        default=None,
        description="Percentages that sum to 100, by version or alias: "
        "`{champion: 90, challenger: 10}`.",
    )
    sticky: Annotated[str, Field(max_length=LONGEST_NAME)] = Field(
        default="", description="The column whose value decides who gets which version."
    )
    sticky_header: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9-]*$")] = Field(
        default="", description="The header that decides it, instead of a column."
    )
    salt: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Another salt shares anew. By default it is the model's name."
    )
    guards: Annotated[list[Requirement], Field(max_length=MOST_GUARDS)] = Field(
        default=[],
        description="Limits that end the traffic, such as `errors <= 1% over 200` or "
        "`p99 <= 50 ms over 1000`, for every version but the champion.",
    )
    reason: Words = ""


class ShadowBody(Body):
    """The version that sees the requests too, and answers nobody; null for none."""

    version: Version | None = None
    reason: Words = ""


class RecordingBody(Body):
    """How answers are recorded: `durable`, before they are given, or `fast`, behind them."""

    recording: Recording | None = Field(default=None, description="null: as it is.")
    days: Annotated[StrictInt, Field(ge=0)] | None = Field(
        default=None,
        description="Days after the end of a month for which its records are kept, at most those "
        "of the setting AUTOLEARN_PREDICTION_DAYS; 0: these; null: as it is.",
    )


Rate = Annotated[StrictInt, Field(ge=1, le=HIGHEST_RATE)]


class ModelGrantBody(ReaderBody):
    """A user or group/<name>, who may see the model, ask it as well, or promote as well."""

    may: ModelMay = "predict"
    requests_per_second: Rate | None = Field(
        default=None, description="Requests that each of them may send; null: no limit of its own."
    )
    rows_per_second: Rate | None = Field(default=None, description="Rows in these requests.")


Plain = Annotated[str, Field(max_length=LONGEST_NAME)] | bool | StrictInt | float
Column = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class ErasureBody(Body):
    """Whose rows are erased: those with one of the values in each of the columns."""

    key: dict[Column, Plain | list[Plain]] = Field(
        min_length=1,
        max_length=10,
        description='A value, or several, by column, such as `{"customer": [17, 18]}`.',
    )
    reason: Words = ""
    page: Annotated[str, Field(max_length=20_000)] = Field(
        default="", description="`next` of the answer before."
    )

    @property
    def columns(self) -> dict[str, list[str | bool | int | float]]:
        """The values of each column."""
        return {name: one if isinstance(one, list) else [one] for name, one in self.key.items()}

    @field_validator("key")
    @classmethod
    def _has_values(cls, key: dict[str, Any]) -> dict[str, Any]:
        if empty := [name for name, one in key.items() if one in ([], "")]:
            raise ValueError(f"{empty[0]} needs a value")
        if any(isinstance(one, list) and len(one) > ERASED_KEYS for one in key.values()):
            raise ValueError(f"at most {ERASED_KEYS} values are erased at once")
        return key


class TruthBody(Body):
    """What a row should have been answered; or that its answer is `right`."""

    request: Annotated[str, Field(max_length=100)] = Field(
        default="", description="The id of the request, which an answer has as `request`."
    )
    row: Annotated[StrictInt, Field(ge=0, lt=ONLINE_ROWS)] = Field(
        default=0, description="The number of the row in its request, from 0."
    )
    key: Annotated[dict[Column, Plain], Field(max_length=10)] = Field(
        default={}, description="Instead of `request`: values of columns that name one asked row."
    )
    value: Plain | None = Field(default=None, description="The label, or the number.")
    right: bool = False

    @model_validator(mode="after")
    def _whole(self) -> TruthBody:
        if bool(self.request) == bool(self.key):
            raise ValueError("give either the request or a key")
        if self.right == (self.value is not None):
            raise ValueError("give either the value, or right: true")
        return self


class TruthsBody(Body):
    """What a model should have answered."""

    truths: Annotated[list[TruthBody], Field(min_length=1, max_length=TRUTHS)]
    replace: bool = Field(default=False, description="Whether a truth may replace another one.")
    since: Annotated[str, Field(max_length=100)] = Field(
        default="", description="From when on a key is sought (RFC 3339); default: 30 days ago."
    )


class BacktestBody(LimitsBody):
    """The version that is asked what the model was asked since a time."""

    version: Version
    since: Annotated[str, Field(max_length=100, description="RFC 3339, with a zone.")]
    against: Version | None = Field(
        default=None, description="The version that had answered; by default any."
    )

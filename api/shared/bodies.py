"""What clients send: the bodies of requests, checked by pydantic, and how they are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt

from autolearn.api.http.body import Body, Name
from autolearn.api.identity.passwords import LONGEST, SHORTEST
from autolearn.schemas.bounds import MOST_HYPERPARAMETERS, SENSITIVE_COLUMNS
from autolearn.schemas.quotas import HIGHEST
from autolearn.schemas.values import Role

__all__ = [
    "CommitBody",
    "DatasetBody",
    "EvaluationBody",
    "LoginBody",
    "OwnPasswordBody",
    "PasswordBody",
    "PreprocessingBody",
    "QuotaBody",
    "ReaderBody",
    "RoleBody",
    "RetryBody",
    "SessionBody",
    "SplitBody",
    "TokenBody",
    "TrainingBody",
    "UserBody",
]


DAYS = 90
"""For how long a token is good, unless another time is asked for."""


class SessionBody(Body):
    """What a session starts with."""

    title: str = Field(default="", max_length=200, description="A few words for people.")
    expires: float | None = Field(
        default=None,
        ge=0,
        le=3660,
        allow_inf_nan=False,
        description="Days unused after which it expires; 0: never. Without it: the system's.",
    )


class CommitBody(Body):
    """What of a session is kept."""

    trainings: Annotated[list[Name], Field(min_length=1, max_length=10_000)] | None = Field(
        default=None, description="The trainings to keep; all completed ones without this."
    )


class DatasetBody(Body):
    """One version of a dataset."""

    name: Name
    version: Name | None = Field(
        default=None, description="The SHA-256 of its bytes; the newest version without this."
    )


class SplitBody(Body):
    """How rows are parted before training."""

    test: float = Field(default=0.25, gt=0, lt=1, description="The held-out fraction of the rows.")
    stratify: bool = Field(
        default=True, description="Keep the class balance in both parts (classification only)."
    )


class PreprocessingBody(Body):
    """What happens to the features first, fitted on the training rows."""

    impute: Literal["mean", "median", "most-frequent"] = "median"
    scale: Literal["standard", "min-max", "none"] = "standard"
    encode: Literal["one-hot", "ordinal"] = "one-hot"


class LimitsBody(Body):
    """What a run may take: at most what the operator allows, which is what it may without these."""

    time_limit: float | None = Field(default=None, gt=0, description="Seconds.")
    memory_limit: int | None = Field(
        default=None,
        ge=256,
        description="MiB of resident memory, of which the libraries take about 180.",
    )


class TrainingBody(LimitsBody):
    """What is trained on what."""

    estimator: Name
    dataset: Name | DatasetBody
    target: Name | None = Field(
        default=None, description="A column; the dataset's own without this."
    )
    task: Literal["classification", "regression"] | None = Field(
        default=None,
        description="What the model is for; to be said if many different numbers are classes.",
    )
    hyperparameters: dict[str, Any] = Field(
        default={},
        max_length=MOST_HYPERPARAMETERS,
        description="Those that differ from the model's defaults.",
    )
    split: SplitBody = SplitBody()
    preprocessing: PreprocessingBody = PreprocessingBody()
    seed: int = Field(default=0, ge=0, lt=2**32)


class EvaluationBody(LimitsBody):
    """What is measured of which trained model."""

    training: Name
    metrics: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="All that fit the task without this."
    )
    dataset: Name | DatasetBody | None = Field(
        default=None,
        description="The held-out rows of the training without this, else all rows of it.",
    )
    positive: Name | StrictBool | StrictInt | None = Field(
        default=None,
        description="The class that precision, recall, f1 and roc-auc are of; without this they "
        "are the mean over the classes.",
    )


UserName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Password = Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST)]
Words = Annotated[str, Field(max_length=100, description="A few words for people.")]
Days = Annotated[
    float,
    Field(ge=0, le=3660, description="For how long it is good; 0: until it is revoked."),
]


class LoginBody(Body):
    """Who wants to be let in."""

    user: UserName
    password: str = Field(min_length=1, max_length=LONGEST)
    name: Words = ""
    days: Days = DAYS


class TokenBody(Body):
    """A token that is wanted."""

    name: Words = ""
    days: Days = DAYS


class UserBody(Body):
    """A new user. Without a password one cannot log in, until one is set."""

    name: UserName
    role: Role = "user"
    password: Password | None = None


class RoleBody(Body):
    """What a user may do."""

    role: Role


class PasswordBody(Body):
    """A new password."""

    password: Password


class OwnPasswordBody(PasswordBody):
    """A new password of one's own."""

    present: str | None = Field(
        default=None, max_length=LONGEST, description="The present one, if there is one."
    )


class ReaderBody(Body):
    """With whom a session is shared."""

    user: UserName


class QuotaBody(Body):
    """A user's own limit of a quota."""

    name: Name
    limit: int | None = Field(
        None, ge=0, le=HIGHEST, description="Without one the default holds again."
    )


class GrantBody(ReaderBody):
    """With whom a dataset is shared, and for what."""

    may: Literal["read", "write"] = "read"


class DescribeBody(Body):
    """Which columns of a dataset are sensitive, and which are so no longer."""

    sensitive: Annotated[list[Name], Field(max_length=SENSITIVE_COLUMNS)] = []
    not_sensitive: Annotated[list[Name], Field(max_length=SENSITIVE_COLUMNS)] = []


class DeleteBody(Body):
    """Whether a dataset is deleted although experiments are kept that need it."""

    force: bool = False


class RetryBody(Body):
    """What is put back in the place of a dead letter."""

    value: dict[str, Any] | None = Field(
        default=None, description="A command as a CloudEvent; the dead letter's own without this."
    )

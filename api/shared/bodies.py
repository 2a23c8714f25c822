"""The bodies of requests, checked by pydantic, and their conversion."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictFloat, StrictInt

from autolearn.api.http.body import Body, Name
from autolearn.api.identity.passwords import LONGEST, SHORTEST
from autolearn.schemas.bounds import (
    LONGEST_NAME,
    LONGEST_NOTE,
    LONGEST_TAG,
    MOST_COLUMNS,
    MOST_HYPERPARAMETERS,
    MOST_LOGGED,
    MOST_TAGS,
    MOST_TYPES,
    SENSITIVE_COLUMNS,
)
from autolearn.schemas.quotas import HIGHEST
from autolearn.schemas.studies.search import MOST_PARALLEL, MOST_TRIALS, Sampler
from autolearn.schemas.training.preprocess import Balance, DatePart, Encode, Impute, Scale
from autolearn.schemas.values import ColumnRole, PredictionForm, Role, SplitBy
from autolearn.schemas.workers.labels import MOST_LABELS

_EXACT = 2**53
"""Integers beyond this are not the same number in every JSON reader (RFC 8259, section 6)."""
_DAYS = 90
"""Days for which a token is valid by default."""


class TitleBody(Body):
    """Another title."""

    title: str = Field(max_length=200, description="A few words for people.")


Tag = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG, pattern=r"^[^\s,]([^,]*[^\s,])?$")]
Tags = Annotated[list[Tag], Field(max_length=MOST_TAGS)]


class NoteBody(Body):
    """A note for people."""

    note: str = Field(min_length=1, max_length=LONGEST_NOTE, pattern=r"\S")


class TagBody(Body):
    """The tags to add, and those to remove. A tag has no comma."""

    tags: Tags = []
    remove: Tags = []


class LogBody(Body):
    """Figures that the user computed."""

    metrics: Annotated[dict[Name, float], Field(min_length=1, max_length=MOST_LOGGED)]


class SessionBody(Body):
    """The settings of a new session."""

    title: str = Field(default="", max_length=200, description="A few words for people.")
    expires: float | None = Field(
        default=None,
        ge=0,
        le=3660,
        allow_inf_nan=False,
        description="Days unused after which it expires; 0: never. Without it: the system's.",
    )


class CommitBody(Body):
    """The trainings that a commit keeps."""

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
    """How rows are split before training."""

    test: float = Field(default=0.25, gt=0, lt=1, description="The held-out fraction of the rows.")
    stratify: bool = Field(
        default=True, description="Keep the class balance (classification, split at random)."
    )
    by: SplitBy | None = Field(
        default=None,
        description="time: the latest rows are held out; group: a group is in one part; column: "
        "the column says which rows are held out (test and train, or true and false); hash: by the "
        "hash of the column's value, without one of the values of the whole row, so that a row "
        "that was held out is so again with more rows. Without this: by the column with the role "
        "time, else group, else random (in batches: by the hash of the row number).",
    )
    column: Name | None = Field(
        default=None, description="That of the time, the group, the parts, or the hash."
    )
    folds: int = Field(
        default=0, ge=0, le=20, description="Folds of a cross-validation of the training rows."
    )


Number = Annotated[StrictInt, Field(ge=-_EXACT, le=_EXACT)] | StrictFloat
Dates = Literal["parts", "none"] | Annotated[list[DatePart], Field(min_length=1, max_length=9)]
FillText = Annotated[str, Field(max_length=LONGEST_NAME)]
WordCount = Annotated[int, Field(ge=0, le=100_000)]
Fraction = Annotated[StrictFloat, Field(gt=0, lt=1)]
Frequency = Annotated[StrictInt, Field(ge=0, le=_EXACT)] | Fraction
Share = Annotated[StrictInt, Field(ge=1, le=_EXACT)] | Fraction
Clip = Annotated[float, Field(ge=0, lt=0.5)]


class ColumnPreprocessingBody(Body):
    """The preprocessing of one column, as far as it differs from that of all."""

    impute: Impute | None = None
    fill_value: Number | StrictBool | FillText | None = Field(
        default=None, description="The constant."
    )
    indicator: bool | None = None
    clip: Clip | None = None
    log: bool | None = None
    scale: Scale | None = None
    encode: Encode | None = None
    min_frequency: Frequency | None = None
    max_features: WordCount | None = None
    dates: Dates | None = None


class PreprocessingBody(Body):
    """The preprocessing of the features, fitted on the training rows."""

    impute: Impute = Field(default="median", description="How gaps in numbers are filled.")
    fill_value: Number | None = Field(default=None, description="The constant for numbers.")
    fill_text: FillText | None = Field(
        default=None, description="For gaps in text and booleans; the most frequent without it."
    )
    indicator: bool = Field(default=False, description="A further feature says where gaps were.")
    clip: Clip = Field(
        default=0, description="Limit numbers to quantiles: 0.01 to those of 1 % and 99 %."
    )
    log: bool = Field(default=False, description="Take sign(x) log(1 + |x|) of numbers.")
    scale: Scale = "standard"
    encode: Encode = Field(default="one-hot", description="How text and booleans become numbers.")
    min_frequency: Frequency = Field(
        default=0,
        description="Join categories in fewer rows, or below a fraction of them; leave out such "
        "words (tf-idf).",
    )
    max_features: WordCount = Field(
        default=0, description="The most frequent words that are kept (tf-idf); 0: 1,000."
    )
    dates: Dates = Field(
        default="none",
        description="Replace times by parts of them; parts: year, month, day, weekday, hour.",
    )
    columns: Annotated[dict[Name, ColumnPreprocessingBody], Field(max_length=MOST_COLUMNS)] = Field(
        default={}, description="What differs for single columns."
    )
    select: Share | None = Field(
        default=None, description="Keep so many features, the best ones, or this fraction of them."
    )
    drop_duplicates: bool = Field(
        default=False, description="Leave out training rows that repeat another one."
    )
    balance: Balance | None = Field(
        default=None, description="Give classes equal weight, or equally many training rows."
    )


Roles = Annotated[dict[Name, ColumnRole], Field(max_length=MOST_COLUMNS)]


class LimitsBody(Body):
    """The limits of a run, at most the operator's, which are the default; and its worker."""

    time_limit: float | None = Field(default=None, gt=0, description="Seconds.")
    memory_limit: int | None = Field(
        default=None,
        ge=256,
        description="MiB of resident memory, of which the libraries take about 180.",
    )
    labels: dict[str, str] = Field(
        default={},
        max_length=MOST_LABELS,
        description='What its worker must have, {"gpu": "1", "zone": "a"}: at least so much of '
        "cores, memory (MiB) and gpu; the same of others, such as package/NAME, a version.",
    )


class TrainingBody(LimitsBody):
    """The estimator, data and hyperparameters of a training."""

    estimator: Name
    dataset: Name | DatasetBody
    target: Name | None = Field(
        default=None, description="A column; the dataset's own without this."
    )
    task: Literal["classification", "regression"] | None = Field(
        default=None,
        description="What the model is for; to be said if many different numbers are classes.",
    )
    features: Annotated[list[Name], Field(min_length=1, max_length=MOST_COLUMNS)] | None = Field(
        default=None, description="The columns to learn from; without this all but those left out."
    )
    drop: Annotated[list[Name], Field(max_length=MOST_COLUMNS)] = Field(
        default=[], description="Columns to leave out, besides those that tell nothing."
    )
    roles: Roles = Field(default={}, description="The roles of columns, before the dataset's own.")
    hyperparameters: dict[str, Any] = Field(
        default={},
        max_length=MOST_HYPERPARAMETERS,
        description="Those that differ from the model's defaults.",
    )
    split: SplitBody = SplitBody()
    fold_metrics: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="What is measured on each fold; all scalar ones that fit the task without it.",
    )
    preprocessing: PreprocessingBody = PreprocessingBody()
    calibrate: Literal["sigmoid", "isotonic"] | None = Field(
        default=None, description="Makes probabilities what they say, by validation rows."
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] | Name | None = Field(
        default=None,
        description="The probability from which on a class is predicted, as a number or 0.3:yes, "
        "or the metric by which validation rows choose it, as f1:yes. Without a class it is the "
        "dataset's positive one, else the rarer one.",
    )
    batches: bool | None = Field(
        default=None,
        description="Read the dataset in batches and learn from one after the other, as some "
        "estimators can. Without this: if all rows at once need more memory than the limit.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32)


class DimensionBody(Body):
    """The values of a hyperparameter that a study tries: choices, or a range."""

    choices: Annotated[list[Any], Field(min_length=1, max_length=1000)] | None = None
    low: StrictInt | StrictFloat | None = Field(
        default=None, description="The least; if both are integers, only those are tried."
    )
    high: StrictInt | StrictFloat | None = Field(default=None, description="The greatest.")
    log: bool = Field(default=False, description="Draw uniformly by the logarithm.")


class StudyBody(TrainingBody):
    """What a study searches. The rest is that of its trials: a split without folds has 5."""

    space: Annotated[dict[Name, DimensionBody], Field(max_length=MOST_HYPERPARAMETERS)] = Field(
        default={}, description="In place of the estimator's own, which the catalog shows."
    )
    metric: Name | None = Field(
        default=None, description="By its mean over the folds; accuracy or r2 without it."
    )
    sampler: Sampler = Field(
        default="tpe", description="grid: all combinations, five values of a range."
    )
    trials: int | None = Field(
        default=None, ge=1, le=MOST_TRIALS, description="At most; 50 without it and budget."
    )
    budget: float | None = Field(
        default=None, gt=0, le=7 * 86400, description="Seconds after which no trial goes on."
    )
    parallel: int | None = Field(
        default=None,
        ge=1,
        le=MOST_PARALLEL,
        description="Trials at a time; one more than all workers have slots, without it.",
    )
    prune: bool = Field(
        default=False, description="End trials whose folds are worse than the median of others."
    )


class EvaluationBody(LimitsBody):
    """The training, metrics and data of an evaluation."""

    training: Name | None = Field(
        default=None, description="May be left out where one training is completed."
    )
    metrics: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="All that fit the task without this; `recall:yes` is the recall of class yes.",
    )
    dataset: Name | DatasetBody | None = Field(
        default=None,
        description="The held-out rows of the training without this, else all rows of it.",
    )
    plots: Annotated[list[Name], Field(max_length=20)] = Field(
        default=[], description="Such as roc and importance, as data; `all`: those of the task."
    )
    positive: Name | StrictBool | StrictInt | None = Field(
        default=None,
        description="The class that metrics such as recall are of if they name none; by default "
        "the positive one of the training's dataset, else they are the mean over the classes.",
    )


class PredictedDatasetBody(LimitsBody):
    """The dataset of a prediction, and what is wanted of it."""

    dataset: Name | DatasetBody
    with_input: bool = Field(
        default=False, description="Repeat all columns of the rows, not only those with role id."
    )
    form: PredictionForm | None = Field(
        default=None, description="The only form in which the rows can be fetched; all by default."
    )


class PredictionBody(PredictedDatasetBody):
    """The training and the dataset of a prediction."""

    training: Name | None = Field(
        default=None, description="May be left out where one training is completed."
    )


UserName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Password = Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST)]
Words = Annotated[str, Field(max_length=100, description="A few words for people.")]
Days = Annotated[
    float, Field(ge=0, le=3660, description="For how long it is good; 0: until it is revoked.")
]


class LoginBody(Body):
    """A user's name and password."""

    user: UserName
    password: str = Field(min_length=1, max_length=LONGEST)
    name: Words = ""
    days: Days = _DAYS


class TokenBody(Body):
    """The name and lifetime of a new token."""

    name: Words = ""
    days: Days = _DAYS


class UserBody(Body):
    """A new user. Without a password the user cannot log in until one is set."""

    name: UserName
    role: Role = "user"
    password: Password | None = None


class RoleBody(Body):
    """The role of a user."""

    role: Role


class PasswordBody(Body):
    """A new password."""

    password: Password


class OwnPasswordBody(PasswordBody):
    """A new password of one's own."""

    present: str | None = Field(
        default=None, max_length=LONGEST, description="The present one, if there is one."
    )


Shares = Literal["read", "work"]
OlderShares = Annotated[Shares, BeforeValidator(lambda may: "work" if may == "write" else may)]
"""`write` is the older word for to work."""


class ReaderBody(Body):
    """A user, or the members of group/<name>."""

    user: UserName


class GroupBody(Body):
    """A new group; a sysadmin may give it to another `owner`."""

    name: Name
    owner: UserName | None = None


class MemberBody(Body):
    """A member of a group."""

    user: UserName


class ShareBody(ReaderBody):
    """The user or group/<name> with whom a session is shared: to read, or to work in it as well."""

    may: Shares = "read"


class QuotaBody(Body):
    """The own limit of a quota that a user or a pipeline has."""

    name: Name
    limit: int | None = Field(
        None, ge=0, le=HIGHEST, description="Without one the default holds again."
    )


class GrantBody(ReaderBody):
    """The user or group/<name> with whom a dataset is shared: to use it, or to add versions too."""

    may: OlderShares = "read"


class DescribeBody(Body):
    """What is said about the columns of a dataset: sensitive, of another role or type."""

    sensitive: Annotated[list[Name], Field(max_length=SENSITIVE_COLUMNS)] = []
    not_sensitive: Annotated[list[Name], Field(max_length=SENSITIVE_COLUMNS)] = []
    roles: Annotated[dict[Name, ColumnRole | None], Field(max_length=MOST_COLUMNS)] = Field(
        default={}, description="The roles of columns; null: none."
    )
    types: Annotated[dict[Name, Name], Field(max_length=MOST_TYPES)] = Field(
        default={},
        description="number, integer, boolean, text, timestamp, or the form of a date: DD/MM/YYYY.",
    )
    positive: Annotated[str, Field(max_length=LONGEST_NAME)] | None = Field(
        default=None, description="The class that evaluations measure; empty removes it."
    )


class DeleteBody(Body):
    """Whether a dataset is deleted although kept experiments need it."""

    force: bool = False


class RetryBody(Body):
    """The replacement for the value of a dead letter."""

    value: dict[str, Any] | None = Field(
        default=None, description="A command as a CloudEvent; the dead letter's own without this."
    )

"""Small values that commands, events and views share."""

from __future__ import annotations

import math
from typing import Any, Literal, NewType

import msgspec
from msgspec import UNSET, Struct, UnsetType

from autolearn.schemas.bounds import cut
from autolearn.schemas.sizes import value_fault

KINDS = {
    "boolean": "true or false",
    "integer": "integers",
    "number": "numbers",
    "string": "text",
    "timestamp": "times",
}
"""The names of each column type's values."""

type_names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}

_WORDS = {"boolean": "true or false"}
"""The names of types for people, where they differ."""

StreamId = NewType("StreamId", str)
"""The name of a stream, `<kind>/<id>`."""
SessionId = NewType("SessionId", str)
"""The id of a session, and of the experiment that it becomes."""
RunId = NewType("RunId", str)
"""The id of a run in its session."""
NO_RUN = RunId("")
NO_SESSION = SessionId("")

JsonValue = Any
"""A value that JSON can hold: None, bool, int, float, str, or lists and dicts of these."""


Baseline = tuple[float, ...] | float
"""What a model without features predicts: the share of each class, or the mean of the target."""

RunStatus = Literal["open", "started", "completed", "failed", "cancelled"]
"""The status of a run; an open one waits for a worker."""

Role = Literal["user", "viewer", "sysadmin"]
"""The role of a user. A sysadmin administers, but cannot read the work of others. A viewer sees
what is shared, and changes nothing."""


ColumnRole = Literal["feature", "target", "id", "group", "time", "weight", "cohort", "ignore"]
"""What a column of a dataset is for. Only features and the target are learned from."""

SplitBy = Literal["random", "time", "group", "column", "hash"]
"""By what rows are split into training and held-out rows."""

PredictionForm = Literal["csv", "jsonl", "parquet"]
"""The form of a file of predictions."""

May = Literal["read", "work", "write"]
"""What a grant allows. To read: to see it, and to use a dataset. To work as well: to ask for runs
of a session or experiment and to cancel these, or to upload versions of a dataset. `write` is the
older word of datasets for that."""


def plural(noun: str) -> str:
    """Return the plural of a kind of run, or of another thing, as paths have it."""
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


class DatasetRef(Struct, frozen=True, gc=False, omit_defaults=True):
    """One exact content of a dataset. `version` is the SHA-256 (hex) of its bytes.

    If it is encrypted, `stored` is the SHA-256 of the stored ciphertext, and `keyid` the id of its
    key. The table of a pipeline's step is a file of the artifact `folder`, and no dataset of the
    catalog.
    """

    name: str
    version: str
    stored: str = ""
    keyid: str = ""
    folder: str = ""

    @property
    def content(self) -> str:
        """The digest of its content in the artifact store."""
        return self.stored or self.version

    @property
    def place(self) -> str:
        """The digest of the folder or the content of the artifact store in which it is."""
        return self.folder or self.content

    def is_content_of(self, other: DatasetRef) -> bool:
        """Return whether both are the same version of a dataset, stored in any way."""
        return (self.name, self.version) == (other.name, other.version)


NO_DATASET = DatasetRef("", "")
"""The dataset of what was made elsewhere."""


class Column(Struct, frozen=True):
    """One column of a dataset.

    `type` is one of boolean, integer, number, string, timestamp; `missing` counts absent values;
    `distinct` counts different present values (None where there were too many to count); `minimum`
    and `maximum` are given for integer and number columns with at least one value. A `sensitive`
    column shows no values, and no minimum or maximum; False: it was sensitive once.
    """

    name: str
    type: str
    missing: int = 0
    distinct: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    sensitive: bool | UnsetType = UNSET


class Split(Struct, frozen=True, gc=False):
    """How rows are split before training: `test` is the held-out fraction, in (0, 1).

    `stratify` keeps the class balance in random parts and in folds (classification only). `by` says
    how: by the time in `column` (the latest rows are held out); by the group there (a group is in
    one part); or the column says which rows are held out, whatever `test` is; or by the hash of the
    value in `column`, without one of the `whole` row, else of its number, each row by itself.
    Unset: at random. With `folds`, the training rows are cross-validated as well, in so many folds.
    """

    test: float = 0.25
    stratify: bool = True
    by: SplitBy | UnsetType = UNSET
    column: str | UnsetType = UNSET
    folds: int | UnsetType = UNSET
    whole: bool | UnsetType = UNSET

    @property
    def kind(self) -> SplitBy:
        """By what rows are split."""
        return self.by or "random"

    @property
    def keeps_groups(self) -> bool:
        """Whether rows with the same value in the column are in the same part."""
        return self.kind == "group" or (self.kind == "hash" and bool(self.column))

    def holds_out_again(self, earlier: Split) -> bool:
        """Return whether data with more rows have no held-out row that was not held out `earlier`.

        Both have the same seed. By time, if the new rows are later than the ones before.
        """
        if (self.kind, self.column, self.whole) != (earlier.kind, earlier.column, earlier.whole):
            return False
        hashed = self.kind == "hash" and bool(self.column or self.whole)
        return self.kind in ("time", "column") or (hashed and self.test <= earlier.test)


class HeldOut(Struct, frozen=True, gc=False):
    """Which rows of a dataset a training holds out of those with its target.

    `training` is its id; the other fields are those of its request.
    """

    training: RunId
    task: str
    target: str | None
    split: Split
    seed: int


class TrainedArtifact(Struct, frozen=True, omit_defaults=True):
    """The artifact of a training: a folder of files in the artifact store.

    `digest` is the SHA-256 (hex) of the folder's manifest and names the folder; `files` maps each
    file's name to the SHA-256 of its bytes; `bytes` is their total size. For an encrypted artifact
    these describe the plaintext, and the folder has the name `stored`. `methods` are its prediction
    methods, such as predict_proba; None where they were not recorded.
    """

    digest: str
    files: dict[str, str]
    bytes: int
    stored: str = ""
    methods: tuple[str, ...] | None = None

    @property
    def folder(self) -> str:
        """The name of its folder in the artifact store."""
        return self.stored or self.digest


class AttachedFile(Struct, frozen=True):
    """A file that a user attached to a training: its name, media type, and bytes.

    `artifact` is a folder of the artifact store with one file, `ATTACHED`.
    """

    name: str
    media: str
    bytes: int
    artifact: TrainedArtifact

    @property
    def sha256(self) -> str:
        """The SHA-256 (hex) of its bytes."""
        return self.artifact.files[ATTACHED]


ATTACHED = "file"
"""The name of an attached file in its folder of the artifact store."""


class Domain(Struct, frozen=True, omit_defaults=True):
    """One kind of value of a hyperparameter.

    `type` is integer, number, string, boolean, null, array or object; `choices` limits strings (or
    numbers) to a list; `minimum` and `maximum` bound numbers, inclusive unless said otherwise.
    """

    type: str
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    choices: tuple[JsonValue, ...] = ()

    def holds(self, value: JsonValue) -> bool:
        """Return whether `value` lies in this domain, and is as small as a hyperparameter is."""
        return self.fits(value) and (bool(self.choices) or not value_fault(value))

    def fits(self, value: JsonValue) -> bool:
        """Return whether `value` lies in this domain. An integer is also a number."""
        given = _json_type(value)
        if given != self.type and not (given == "integer" and self.type == "number"):
            return False
        if self.choices:
            return value in self.choices
        if self.type not in ("integer", "number"):
            return True
        if isinstance(value, float) and not math.isfinite(value):
            return False
        low = self.minimum is None or (
            value > self.minimum if self.exclusive_minimum else value >= self.minimum
        )
        high = self.maximum is None or (
            value < self.maximum if self.exclusive_maximum else value <= self.maximum
        )
        return low and high

    def __str__(self) -> str:
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        words = [] if self.type == "null" else [_WORDS.get(self.type, self.type)]
        if self.minimum is not None:
            words.append(f"{'>' if self.exclusive_minimum else '>='} {self.minimum:g}")
        if self.maximum is not None:
            words.append(f"{'<' if self.exclusive_maximum else '<='} {self.maximum:g}")
        return " ".join(words) or "null"


class Hyperparameter(Struct, frozen=True):
    """A setting of an estimator: its value must lie in one of the `domains`."""

    name: str
    default: JsonValue
    domains: tuple[Domain, ...]

    def refusal(self, value: JsonValue) -> str | None:
        """Return why `value` is not accepted; None if it is."""
        if any(domain.holds(value) for domain in self.domains):
            return None
        allowed = " or ".join(str(domain) for domain in self.domains)
        fault = value_fault(value)
        given = f"one that {fault}" if fault else cut(msgspec.json.encode(value).decode())
        return f"{self.name} must be {allowed}; got {given}"


def _json_type(value: JsonValue) -> str:
    if isinstance(value, list | tuple):
        return "array"
    if isinstance(value, dict):
        return "object"
    return type_names[type(value)]

"""The answers of service `models`."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from autolearn.schemas.models.cases import CaseComparison
from autolearn.schemas.models.promotion import GateEvidence
from autolearn.schemas.models.traffic import GuardBreach, Traffic
from autolearn.schemas.models.versions import ModelMay, Recording, VersionSource
from autolearn.schemas.rest.page import Links
from autolearn.schemas.values import JsonValue, RunId, SessionId


class ModelGrant(Struct, frozen=True, gc=False):
    """What a user or group/<name> may do with a model besides its owner, since a time.

    Each of them may send so many requests and rows a second; None: no limit of its own.
    """

    user: str
    may: ModelMay
    since: str
    requests_per_second: int | None = None
    rows_per_second: int | None = None


class ModelTraffic(Traffic, kw_only=True, frozen=True):
    """The traffic of a model, since a time, by whose decision and why."""

    since: str
    actor: str
    reason: str = ""


class ModelRow(Struct, kw_only=True, frozen=True):
    """A model. `versions` counts them, `retired` ones included; `aliases` has a version of each.

    `champion` is the version that answers, None if there is none; with `traffic` others answer
    too. The `shadow` is a version or alias that sees the requests, and answers nobody.
    `recording` is how answers are recorded: durable, before they are given, or fast, behind them.
    They are kept for `prediction_days` after the end of their month; 0: as the settings say.
    """

    name: str
    owner: str
    created: str
    updated: str
    versions: int
    retired: int
    champion: int | None
    aliases: dict[str, int]
    traffic: ModelTraffic | None = None
    shadow: str = ""
    recording: Recording = "durable"
    prediction_days: int = 0


class RegisteredModel(ModelRow, kw_only=True, frozen=True):
    """A model, with what the reader may do with it."""

    may: str
    links: Links


class ModelVersionRow(Struct, kw_only=True, frozen=True):
    """A version of a model, and where it comes from. `source` is None if it cannot be read.

    An `imported` one was made elsewhere, and has neither experiment nor training. It is `retired`
    since a time, "" if it is not, for a `reason`.
    """

    model: str
    version: int
    experiment: SessionId
    training: RunId
    registered: str
    actor: str
    aliases: tuple[str, ...] = ()
    retired: str = ""
    retired_by: str = ""
    reason: str = ""
    note: str = ""
    imported: bool = False
    source: VersionSource | None = None


class ModelVersion(ModelVersionRow, kw_only=True, frozen=True):
    """A version of a model."""

    links: Links


class ModelChange(Struct, kw_only=True, frozen=True):
    """Who was in production: the version that had an alias from a time, until another.

    `kind` is promoted, rolled-back or alias-set. `version` 0: no version had it. `until` is None
    for the present one. `evidence` is what was required and measured, `cases` how both versions
    answer the named cases.

    Or how requests were shared: traffic-set (without `routes` it was ended), traffic-rolled-back
    (with the `breach` of a guard), or shadow-set ("": ended).
    """

    number: int
    kind: str
    alias: str
    version: int
    before: int
    since: str
    until: str | None
    actor: str
    reason: str = ""
    evidence: tuple[GateEvidence, ...] = ()
    cases: CaseComparison | None = None
    routes: dict[str, int] = {}
    guards: tuple[str, ...] = ()
    shadow: str = ""
    breach: GuardBreach | None = None
    unreadable: bool = False


class InferenceWarning(Struct, frozen=True):
    """Why an answer may be poor: its row, from 0, and the column.

    `kind` is unseen (a category that the model does not know), outside (of the training's range)
    or gap (where the training had none).
    """

    row: int
    column: str
    kind: str
    detail: str


class InferencePart(Struct, kw_only=True, frozen=True):
    """What one of several combined versions answers."""

    model: str
    version: int
    predictions: list[dict[str, JsonValue]]


class Inference(Struct, kw_only=True, frozen=True):
    """The answers of a model's version to rows, in their order.

    Each of the `predictions` has `prediction` (a label or a number) and `probabilities` by label;
    or `cluster`; or `anomaly` and `score`. `warned` counts all warnings by kind; `warnings` are the
    first of them. Columns that are `unused` say nothing to the model. Where several versions were
    combined (`combine`: vote, mean or each), `parts` has the answer of each.
    """

    model: str
    version: int
    request: str
    predictions: list[dict[str, JsonValue]]
    warnings: list[InferenceWarning] = []
    warned: dict[str, int] = {}
    unused: list[str] = []
    combine: str = ""
    parts: list[InferencePart] = []


class ModelExamples(Struct, frozen=True):
    """Rows of the training of a version, as they can be sent to it.

    Values of columns that were sensitive at the training are null.
    """

    model: str
    version: int
    records: list[Mapping[str, JsonValue]]


class DeletedModel(Struct):
    """A model that was deleted, and when."""

    name: str
    deleted: str

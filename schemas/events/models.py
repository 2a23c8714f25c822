"""Events of models."""

from __future__ import annotations

from autolearn.schemas.messages import Event
from autolearn.schemas.models.cases import CaseComparison
from autolearn.schemas.models.promotion import GateEvidence
from autolearn.schemas.models.versions import CHAMPION, ModelMay, Recording, VersionSource
from autolearn.schemas.values import NO_RUN, NO_SESSION, RunId, SessionId


class VersionRegistered(Event, frozen=True, omit_defaults=True, kw_only=True):
    """A training is the next version of the model, of which the first is 1.

    A version that was made elsewhere has neither experiment nor training.
    """

    number: int
    experiment: SessionId = NO_SESSION
    training: RunId = NO_RUN
    source: VersionSource
    note: str = ""


class VersionRetired(Event, frozen=True, omit_defaults=True):
    """A version is retired."""

    number: int
    reason: str = ""


class AliasSet(Event, frozen=True):
    """A version has an alias; 0: none has it."""

    alias: str
    number: int


class VersionPromoted(Event, frozen=True, omit_defaults=True):
    """A version answers under an alias, which the version `before` had (0: none)."""

    number: int
    alias: str = CHAMPION
    before: int = 0
    evidence: tuple[GateEvidence, ...] = ()
    reason: str = ""
    cases: CaseComparison | None = None


class VersionRolledBack(Event, frozen=True, omit_defaults=True):
    """The alias is given back to the version `number`; the version `before` had it."""

    number: int
    alias: str = CHAMPION
    before: int = 0
    reason: str = ""
    cases: CaseComparison | None = None


class TrafficSet(Event, frozen=True, omit_defaults=True, kw_only=True):
    """Requests are shared among versions; without routes the champion answers all.

    The fields are those of `schemas.models.traffic.Traffic`.
    """

    revision: int
    routes: dict[str, int] = {}
    sticky: str = ""
    sticky_header: str = ""
    salt: str = ""
    guards: tuple[str, ...] = ()
    reason: str = ""


class ShadowSet(Event, frozen=True, omit_defaults=True):
    """A version, by its number or an alias, sees the requests too; "": none does."""

    shadow: str = ""
    reason: str = ""


class RecordingSet(Event, frozen=True, omit_defaults=True):
    """Answers are recorded `durable`, before they are given, or `fast`, behind them.

    They are kept for so many `days` after the end of their month; 0: as the settings say.
    """

    recording: Recording
    days: int = 0


class PredictionsErased(Event, frozen=True, omit_defaults=True):
    """Rows of requests (`schemas.models.erasure`) are erased from the prediction log.

    They are hidden by this event; the records on the log are replaced behind it.
    """

    requests: str
    reason: str = ""


class TrafficRolledBack(Event, frozen=True):
    """The champion answers all again, because the version `number` has passed a guard.

    Of `requests` in the block of the guard, `bad` have failed or were too slow.
    """

    revision: int
    number: int
    guard: str
    bad: int
    requests: int


class ModelShared(Event, frozen=True, omit_defaults=True):
    """`user`, or the members of group/<name>, may see, ask or promote.

    Each of them may send so many requests and rows a second; None: no limit of its own.
    """

    user: str
    may: ModelMay
    requests_per_second: int | None = None
    rows_per_second: int | None = None


class ModelUnshared(Event, frozen=True):
    """`user` has no grant of the model any more."""

    user: str


class ModelDeleted(Event, frozen=True):
    """There is no such model any more."""

"""Commands of models."""

from __future__ import annotations

from autolearn.schemas.messages import Command
from autolearn.schemas.models.cases import CaseComparison
from autolearn.schemas.models.promotion import GateEvidence
from autolearn.schemas.models.versions import CHAMPION, ModelMay, Recording, VersionSource
from autolearn.schemas.values import NO_RUN, NO_SESSION, RunId, SessionId


class RegisterVersion(Command, frozen=True, omit_defaults=True, kw_only=True):
    """Register a training of an experiment as the next version; the first one makes the model.

    The experiment is held for the model before this is sent. A version that was made elsewhere has
    neither experiment nor training.
    """

    experiment: SessionId = NO_SESSION
    training: RunId = NO_RUN
    source: VersionSource
    note: str = ""


class RetireVersion(Command, frozen=True, omit_defaults=True):
    """Retire a version: it is never promoted again, and needs its experiment no longer."""

    number: int
    reason: str = ""


class SetAlias(Command, frozen=True):
    """Give a version an alias, or take the alias away (0). `Promote` gives the champion's."""

    alias: str
    number: int


class Promote(Command, frozen=True, omit_defaults=True):
    """Let a version answer under an alias; `evidence` has what was required and measured.

    `cases` are the answers to the named cases of the model.
    """

    number: int
    alias: str = CHAMPION
    evidence: tuple[GateEvidence, ...] = ()
    reason: str = ""
    cases: CaseComparison | None = None


class RollBack(Command, frozen=True, omit_defaults=True):
    """Give an alias back to the version that had it before, among those that are not retired."""

    alias: str = CHAMPION
    reason: str = ""
    cases: CaseComparison | None = None


class SetTraffic(Command, frozen=True, omit_defaults=True, kw_only=True):
    """Share requests among versions, by percentages that sum to 100; none: the champion answers.

    The fields are those of `schemas.models.traffic.Traffic`.
    """

    routes: dict[str, int] = {}
    sticky: str = ""
    sticky_header: str = ""
    salt: str = ""
    guards: tuple[str, ...] = ()
    reason: str = ""


class SetShadow(Command, frozen=True, omit_defaults=True):
    """Let a version, by its number or an alias, see the requests too; "": none does."""

    shadow: str = ""
    reason: str = ""


class SetRecording(Command, frozen=True, omit_defaults=True):
    """Choose how answers are recorded: `durable` before they are given, or `fast` behind them.

    They are kept for so many `days` after the end of their month; 0: as the settings say.
    """

    recording: Recording
    days: int = 0


class ErasePredictions(Command, frozen=True, omit_defaults=True):
    """Erase rows of requests to this model (`schemas.models.erasure`), for a reason."""

    requests: str
    reason: str = ""


class RollBackTraffic(Command, frozen=True):
    """End the traffic of a revision, because the version `number` has passed a guard.

    Of `requests` in the block of the guard, `bad` have failed or were too slow. Processes that see
    the same derive the same id, from stream, revision, version and guard.
    """

    revision: int
    number: int
    guard: str
    bad: int
    requests: int


class ShareModel(Command, frozen=True, omit_defaults=True):
    """Let a user, or the members of group/<name>, see, ask or promote.

    Each of them may send so many requests and rows a second; None: no limit of its own.
    """

    user: str
    may: ModelMay
    requests_per_second: int | None = None
    rows_per_second: int | None = None


class UnshareModel(Command, frozen=True):
    """End the grant of a user or group."""

    user: str


class DeleteModel(Command, frozen=True):
    """Delete a model for good. Its name is never reused."""

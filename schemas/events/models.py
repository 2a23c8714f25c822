"""Events of models."""

from __future__ import annotations

from autolearn.schemas.messages import Event
from autolearn.schemas.models.promotion import GateEvidence
from autolearn.schemas.models.versions import CHAMPION, ModelMay, VersionSource
from autolearn.schemas.values import RunId, SessionId


class VersionRegistered(Event, frozen=True, omit_defaults=True, kw_only=True):
    """A training is the next version of the model, of which the first is 1."""

    number: int
    experiment: SessionId
    training: RunId
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


class VersionRolledBack(Event, frozen=True, omit_defaults=True):
    """The alias is given back to the version `number`; the version `before` had it."""

    number: int
    alias: str = CHAMPION
    before: int = 0
    reason: str = ""


class ModelShared(Event, frozen=True):
    """`user`, or the members of group/<name>, may see, ask or promote."""

    user: str
    may: ModelMay


class ModelUnshared(Event, frozen=True):
    """`user` has no grant of the model any more."""

    user: str


class ModelDeleted(Event, frozen=True):
    """There is no such model any more."""

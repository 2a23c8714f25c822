"""What a principal may see of sessions, of users, and of the events of both."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from msgspec import UNSET, Raw
from msgspec.structs import replace

from autolearn.api.identity.principal import Principal
from autolearn.eventlog.consumers.event_pages import FoundEvent
from autolearn.projections.queries.decrypting_reader import May, anything
from autolearn.projections.queries.models import ModelQueries
from autolearn.projections.queries.pipelines import PipelineQueries
from autolearn.projections.queries.queries import ReadModelQueries, Snapshot
from autolearn.schemas.actors import GROUP
from autolearn.schemas.codec import EventRecord, encode, from_json, kept, present_type, raw
from autolearn.schemas.events import DatasetExpected, DatasetRegistered, RowsLabelled
from autolearn.schemas.messages import type_of
from autolearn.schemas.rest.catalog import Grant
from autolearn.schemas.rest.models import ModelGrant
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.values import SessionId, StreamId
from autolearn.security.data_key import Unreadable

AnyGrant = Reader | Grant | ModelGrant

_EVERYBODYS = frozenset({"estimator", "metric", "step", "partition"})
"""The kinds of streams that every user may read: the catalog, and the terms of a partition. A kind
without an entry and without a rule below is visible to nobody."""


class Level(IntEnum):
    """A principal's level on a session: each level includes the ones below.

    ACTIVITY shows that the session exists, its owner, its times, and the number of runs by state;
    not its title, requests, results or artifacts.
    """

    NOTHING = 0
    ACTIVITY = 1
    READ = 2
    PREDICT = 3
    """To ask a model."""
    WORK = 4
    OWN = 5


class Access(NamedTuple):
    """A principal's level on a thing, and the group whose grant gives it, as `Actor.via` has it."""

    level: Level
    via: str = ""

    def of(self, who: Principal) -> Access:
        """Return it for a principal: a viewer only sees, also what is or was the viewer's own.

        A viewer may ask a model where a grant allows it: that changes nothing.
        """
        return self._replace(level=min(self.level, Level.PREDICT)) if who.viewer else self


def access_to(who: Principal, snapshot: Snapshot, session: SessionId) -> Access:
    """Return a principal's access to a session or experiment, also to an ended one.

    A session that was opened without authentication has no owner: every sysadmin has it.
    """
    owner = snapshot.sessions.owner(session)
    if owner is None:
        return Access(Level.NOTHING)
    if who.everything or owner == (who.name or None) or (not owner and who.sysadmin):
        return Access(Level.OWN).of(who)
    grant = snapshot.sessions.reader(session, who.name)
    return _granted(who, snapshot, grant, snapshot.sessions.group_grants(session))


def dataset_access(who: Principal, snapshot: Snapshot, name: str) -> Access:
    """Return a principal's access to a dataset. WORK allows new versions."""
    row = snapshot.catalog.dataset_owner(name)
    if row is None:
        return Access(Level.NOTHING)
    if row.bundled:
        return Access(Level.READ)
    if who.everything or row.owner == (who.name or None) or (not row.owner and who.sysadmin):
        return Access(Level.OWN).of(who)
    if row.everybody:
        return Access(Level.WORK).of(who)
    grant = snapshot.catalog.grant(name, who.name)
    return _granted(who, snapshot, grant, snapshot.catalog.group_grants(name))


def model_access(who: Principal, snapshot: Snapshot, name: str) -> Access:
    """Return a principal's access to a model, also to a deleted one. WORK allows to promote."""
    return named_access(who, snapshot, snapshot.models, name)


def pipeline_access(who: Principal, snapshot: Snapshot, name: str) -> Access:
    """Return a principal's access to a pipeline, also to a removed one. WORK allows runs."""
    return named_access(who, snapshot, snapshot.pipelines, name)


def named_access(
    who: Principal, snapshot: Snapshot, things: ModelQueries | PipelineQueries, name: str
) -> Access:
    """Return a principal's access to a model or pipeline."""
    row = things.stored(name)
    if row is None:
        return Access(Level.NOTHING)
    if who.everything or row.owner == (who.name or None) or (not row.owner and who.sysadmin):
        return Access(Level.OWN).of(who)
    return _granted(who, snapshot, things.grant(name, who.name), things.group_grants(name))


def model_level(who: Principal, snapshot: Snapshot, name: str) -> Level:
    """Return a principal's level on a model."""
    return model_access(who, snapshot, name).level


def model_grant(who: Principal, snapshot: Snapshot, name: str) -> ModelGrant | None:
    """Return the grant that lets a principal ask a model, and its rates; None for its owner."""
    row = snapshot.models.stored(name)
    if row is None or who.everything or row.owner == (who.name or None):
        return None
    group = model_access(who, snapshot, name).via.partition("@")[0]
    return snapshot.models.grant(name, group or who.name)


def _granted(
    who: Principal, snapshot: Snapshot, own: AnyGrant | None, groups: Iterable[AnyGrant]
) -> Access:
    """Return the access by the grants: the own one first, else the best of a group."""
    best = Access(Level.ACTIVITY if who.sysadmin else Level.NOTHING)
    if own is not None:
        best = Access(_LEVELS[own.may])
    for grant in groups:
        level = _LEVELS[grant.may]
        if level <= best.level:
            continue
        group = grant.user.removeprefix(GROUP)
        number = snapshot.groups.membership(group, who.name) if who.name else None
        if number is not None:
            best = Access(level, f"{grant.user}@{number}")
    return best.of(who)


_LEVELS = {
    "read": Level.READ,
    "work": Level.WORK,
    "write": Level.WORK,
    "predict": Level.PREDICT,
    "promote": Level.WORK,
}


def level_of(who: Principal, snapshot: Snapshot, session: SessionId) -> Level:
    """Return a principal's level on a session or experiment, also on an ended one."""
    return access_to(who, snapshot, session).level


def dataset_level(who: Principal, snapshot: Snapshot, name: str) -> Level:
    """Return a principal's level on a dataset."""
    return dataset_access(who, snapshot, name).level


def group_level(who: Principal, snapshot: Snapshot, name: str) -> Level:
    """Return a principal's level on a group: members read, its owner and sysadmins administer."""
    owner = snapshot.groups.owner(name)
    if owner is None:
        return Level.NOTHING
    if who.everything or who.sysadmin or owner == (who.name or None):
        return Level.READ if who.viewer else Level.OWN
    member = snapshot.groups.membership(name, who.name) is not None
    return Level.READ if member else Level.NOTHING


def may_use(who: Principal, snapshot: Snapshot) -> May:
    """Return which datasets a principal may use: those that the lists show."""
    return lambda name: dataset_level(who, snapshot, name) >= Level.READ


def is_shared(who: Principal, snapshot: Snapshot) -> May:
    """Return which datasets others have shared with a principal, or with a group of the principal.

    Those of everybody are not among them.
    """

    def by_grant(name: str) -> bool:
        row = snapshot.catalog.dataset_owner(name)
        of_all = row is None or row.bundled or row.everybody
        return not of_all and Level.READ <= dataset_level(who, snapshot, name) < Level.OWN

    return by_grant


def may_list(who: Principal, snapshot: Snapshot) -> May:
    """Return which sessions the lists show to a principal: those with any level."""
    if who.sysadmin:
        return anything
    return lambda session: level_of(who, snapshot, SessionId(session)) > Level.NOTHING


class Visibility:
    """What a principal sees of the log, by the newest read models; from any thread."""

    def __init__(self, who: Principal, queries: ReadModelQueries) -> None:
        self.who, self.queries = who, queries
        self.known: dict[str, Level] | None = None

    def briefly(self) -> Visibility:
        """Return the same with a cache of levels by stream, for one page."""
        sight = Visibility(self.who, self.queries)
        sight.known = {}
        return sight

    def level(self, stream: StreamId) -> Level:
        """Return the principal's level on a stream.

        On a user it is never more than ACTIVITY: the data of those events verify passwords and
        tokens.
        """
        if self.known is None:
            return self._level_now(stream)
        level = self.known.get(stream)
        if level is None:
            level = self.known[stream] = self._level_now(stream)
        return level

    def _level_now(self, stream: StreamId) -> Level:
        """Return the level on a stream by the present read models."""
        kind, _, name = stream.partition("/")
        if kind == "session" and self.who.everything:
            return Level.OWN
        if kind == "session":
            return level_of(self.who, self.queries.latest(), SessionId(name))
        if kind == "dataset":
            return dataset_level(self.who, self.queries.latest(), name)
        if kind == "model":
            return model_level(self.who, self.queries.latest(), name)
        if kind == "pipeline":
            return pipeline_access(self.who, self.queries.latest(), name).level
        if kind == "group":
            return group_level(self.who, self.queries.latest(), name)
        if kind == "user":
            mine = self.who.sysadmin or name == self.who.name
            return Level.ACTIVITY if mine else Level.NOTHING
        return Level.READ if kind in _EVERYBODYS else Level.NOTHING

    def knows(self, stream: StreamId) -> bool:
        """Return whether the state of a stream may be shown; that of a user has nothing secret."""
        return self.level(stream) >= (Level.ACTIVITY if stream.startswith("user/") else Level.READ)

    def sees(self, record: EventRecord) -> bool:
        """Return whether an event is visible at all."""
        return self.level(record.subject) > Level.NOTHING

    def shown(self, found: FoundEvent) -> Raw:
        """Return an event in clear, as far as it is visible to this principal and readable."""
        record = found.record
        if self.level(record.subject) < Level.READ:
            # The fingerprint is a hash of the request, by which its content could be guessed.
            return Raw(encode(_without_data(record, fingerprint="")))
        kind, _, name = record.subject.partition("/")
        marked = self.queries.latest().catalog.sensitive(name) if kind == "dataset" else ()
        if record.data_base64 is UNSET and not marked:
            return found.value
        try:
            data = self.queries.opens(record.subject, kept(record))
        except Unreadable:
            return Raw(encode(_without_data(record))[:-1] + b',"withheld":"shredded"}')
        if marked and present_type(record) == type_of(DatasetRegistered):
            said = from_json(data, DatasetRegistered)
            data = raw(replace(said, spec=said.spec.masked(marked)))
        elif marked and present_type(record) == type_of(RowsLabelled):
            labels = from_json(data, RowsLabelled)
            if labels.target in marked:
                data = raw(replace(labels, labels=()))
        elif marked and present_type(record) == type_of(DatasetExpected):
            rules = from_json(data, DatasetExpected)
            data = raw(replace(rules, expectations=rules.expectations.masked(marked)))
        return Raw(encode(replace(record, data=data, data_base64=UNSET)))


def _without_data(record: EventRecord, **more: str) -> EventRecord:
    return replace(record, data=Raw(b"{}"), data_base64=UNSET, **more)

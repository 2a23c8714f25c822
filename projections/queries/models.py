"""Queries about models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from msgspec import Raw
from msgspec.structs import asdict

from autolearn.eventlog.encryption.session_cipher import key_of_kept
from autolearn.projections.queries.named_things import NamedQueries
from autolearn.projections.rows import models
from autolearn.schemas import events
from autolearn.schemas.bounds import MODEL_MEMORY
from autolearn.schemas.codec import from_json
from autolearn.schemas.messages import Event
from autolearn.schemas.models.traffic import GuardBreach
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.rest.models import (
    ModelChange,
    ModelGrant,
    ModelRow,
    ModelTraffic,
    ModelVersionRow,
)
from autolearn.schemas.rest.serving.cases import ModelCase
from autolearn.schemas.values import SessionId
from autolearn.security.data_key import Unreadable

E = TypeVar("E", bound=Event)

_KINDS = {
    events.AliasSet.__name__: "alias-set",
    events.VersionPromoted.__name__: "promoted",
    events.VersionRolledBack.__name__: "rolled-back",
    events.TrafficSet.__name__: "traffic-set",
    events.TrafficRolledBack.__name__: "traffic-rolled-back",
    events.ShadowSet.__name__: "shadow-set",
}
_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        *(events.AliasSet, events.VersionPromoted, events.VersionRolledBack),
        *(events.TrafficSet, events.TrafficRolledBack, events.ShadowSet),
    )
}


class ModelQueries(NamedQueries[models.StoredModel, ModelGrant]):
    """Models, their versions, and who answered when."""

    table, tables = models.MODELS, models

    def get(self, name: str) -> ModelRow | None:
        """Return a model."""
        row = self.stored(name)
        if row is None or row.deleted:
            return None
        return ModelRow(
            name=name,
            owner=row.owner,
            created=row.created,
            updated=row.updated,
            versions=row.versions,
            retired=row.retired,
            champion=row.aliases.get(CHAMPION),
            aliases=row.aliases,
            traffic=self._traffic(name, row.traffic) if row.traffic else None,
            shadow=row.shadow,
            recording=row.recording,
            prediction_days=row.days,
        )

    def _traffic(self, name: str, row: models.StoredTraffic) -> ModelTraffic:
        """Return the traffic of a model; without sticky key and salt if they cannot be read."""
        said: dict[str, Any] = {"routes": row.routes, "guards": row.guards}
        try:
            said |= asdict(self._data(name, row.said, events.TrafficSet))
        except Unreadable:
            said |= {"revision": row.revision}
        return ModelTraffic(**said, since=row.time, actor=row.actor)

    def of_experiment(self, experiment: SessionId, name: str | None = None) -> Iterator[str]:
        """Yield the versions in use of an experiment as NAME@VERSION; only those of one model."""
        parts = (experiment,) if name is None else (experiment, name)
        prefix = models.USED.prefix(*parts)
        for at, _ in self.rows.content.scan(prefix):
            _, _, model, number = at.decode().split("\0")
            yield f"{model}@{number}"

    def version(self, name: str, number: int) -> ModelVersionRow | None:
        """Return a version of a model."""
        model = self.stored(name)
        row = self.rows.get(models.VERSIONS, name, number) if number > 0 else None
        if model is None or row is None:
            return None
        return self._version(name, number, model, row)

    def erased(self, name: str, request: str) -> models.StoredErasure | None:
        """Return the erased rows of a request; None if there are none."""
        return self.rows.get(models.ERASED, name, request)

    def has_erased(self, name: str) -> bool:
        """Return whether rows of any request to a model are erased."""
        return any(True for _ in self.rows.names(models.ERASED, name))

    def had_shadow(self, name: str) -> bool:
        """Return whether a version was ever the shadow."""
        return any(row.kind == events.ShadowSet.__name__ for _, row in self._changes(name))

    def keyid(self, name: str, number: int) -> str:
        """Return the id of the key of an imported version's artifact, "" for one in clear."""
        row = self.rows.get(models.VERSIONS, name, number)
        return "" if row is None else key_of_kept(row.registered)

    def registered_at(self, name: str, sequence: int) -> int:
        """Return the number of the version that the event with this number registered."""
        model = self.stored(name)
        for number in range(model.versions if model else 0, 0, -1):
            row = self.rows.get(models.VERSIONS, name, number)
            if row is not None and row.sequence == sequence:
                return number
        raise KeyError(f"no version of {name} was registered by event {sequence}")

    def versions(self, name: str, after: int = 0) -> Iterator[ModelVersionRow]:
        """Yield the versions of a model, the first one first, past a number."""
        model = self.stored(name)
        for number in range(after + 1, model.versions + 1 if model else 0):
            row = self.rows.get(models.VERSIONS, name, number)
            if model is not None and row is not None:
                yield self._version(name, number, model, row)

    def _version(
        self, name: str, number: int, model: models.StoredModel, row: models.StoredVersion
    ) -> ModelVersionRow:
        """Return a version with the data of its events, as far as they can be read."""
        try:
            registered = self._data(name, row.registered, events.VersionRegistered)
            ending = self._data(name, row.ending, events.VersionRetired) if row.retired else None
        except Unreadable:
            registered, ending = None, None
        return ModelVersionRow(
            model=name,
            version=number,
            experiment=row.experiment,
            training=row.training,
            registered=row.time,
            actor=row.actor,
            aliases=tuple(sorted(a for a, of in model.aliases.items() if of == number)),
            retired=row.retired,
            retired_by=row.retired_by,
            reason=ending.reason if ending else "",
            note=registered.note if registered else "",
            imported=not row.experiment or bool(registered and registered.source.imported),
            source=registered.source if registered else None,
        )

    def _data(self, name: str, data: Raw, kind: type[E]) -> E:
        return from_json(self.rows.opens(f"model/{name}", data), kind)

    def timeline(self, name: str, alias: str, after: int = 0) -> Iterator[ModelChange]:
        """Yield who had an alias ("": any), the earliest first, past the number of an event."""
        rows = [(number, row) for number, row in self._changes(name) if alias in ("", row.alias)]
        until: dict[tuple[str, bool], str] = {}
        ends: dict[int, str | None] = {}
        for number, row in reversed(rows):
            of = row.alias, row.kind == events.ShadowSet.__name__
            ends[number] = until.get(of)
            until[of] = row.time
        for number, row in rows:
            if number > after:
                yield self._change(name, number, row, ends[number])

    def cases(self, name: str, added: int = 0) -> Iterator[ModelCase]:
        """Yield the named cases of a model, the first one first; or that of one event."""
        prefix = models.CASES.prefix(name)
        for at, value in self.rows.content.scan(prefix):
            number, row = int.from_bytes(at[-8:], "big"), models.CASES.decode(value)
            if added not in (0, row.sequence):
                continue
            try:
                said = self._data(name, row.said, events.CaseAdded)
            except Unreadable:
                yield ModelCase(number=number, name="", row=None, added=row.time, actor=row.actor)
                continue
            yield ModelCase(
                number=number,
                name=said.name or f"case-{number}",
                row=said.row,
                expect=said.expect,
                added=row.time,
                actor=row.actor,
            )

    def aliased(self, name: str, alias: str) -> int:
        """Return the version that an alias names, 0 for none."""
        row = self.stored(name)
        return 0 if row is None else row.aliases.get(alias, 0)

    def before(self, name: str, alias: str) -> int:
        """Return the version to which an alias is rolled back, 0 for none."""
        had: list[int] = []
        for _, row in self._changes(name):
            if row.alias != alias:
                continue
            if row.kind == events.VersionRolledBack.__name__:
                while had and had[-1] != row.version:
                    had.pop()
            elif row.version:
                had.append(row.version)
            else:
                had.clear()
        for number in reversed(had[-MODEL_MEMORY:-1]):
            version = self.rows.get(models.VERSIONS, name, number)
            if number != had[-1] and version is not None and not version.retired:
                return number
        return 0

    def _changes(self, name: str) -> Iterator[tuple[int, models.StoredChange]]:
        prefix = models.CHANGES.prefix(name)
        for at, value in self.rows.content.scan(prefix):
            yield int.from_bytes(at[-8:], "big"), models.CHANGES.decode(value)

    def _change(
        self, name: str, number: int, row: models.StoredChange, until: str | None
    ) -> ModelChange:
        told: dict[str, Any] = {}
        unreadable = False
        try:
            told = asdict(self._data(name, row.said, _TYPES[row.kind]))
        except Unreadable:
            unreadable = True
        return ModelChange(
            number=number,
            kind=_KINDS[row.kind],
            alias=row.alias,
            version=row.version,
            before=row.before,
            since=row.time,
            until=until,
            actor=row.actor,
            reason=told.get("reason", ""),
            evidence=told.get("evidence", ()),
            cases=told.get("cases"),
            routes=told.get("routes", {}),
            guards=told.get("guards", ()),
            shadow=told.get("shadow", ""),
            breach=_breach(told),
            unreadable=unreadable,
        )


def _breach(told: dict[str, Any]) -> GuardBreach | None:
    """Return why traffic was rolled back, None for any other change."""
    if "guard" not in told:
        return None
    return GuardBreach(told["number"], told["guard"], told["bad"], told["requests"])

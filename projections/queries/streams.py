"""Queries about streams."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby

from autolearn.projections.queries.decrypting_reader import DecryptingReader, Queries
from autolearn.projections.queries.groups import GroupQueries
from autolearn.projections.queries.models import ModelQueries
from autolearn.projections.queries.pipelines import PipelineQueries
from autolearn.projections.rows import sessions
from autolearn.projections.rows.streams import STREAMS
from autolearn.schemas.actors import group_name
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.values import StreamId

_KINDS = tuple(sorted(KINDS))


def _merge(*names: Iterable[str]) -> Iterator[str]:
    return (name for name, _ in groupby(heapq.merge(*names)))


class StreamQueries(Queries):
    """Streams, and the places of their events on the log."""

    def __init__(
        self,
        rows: DecryptingReader,
        groups: GroupQueries,
        models: ModelQueries,
        pipelines: PipelineQueries,
    ) -> None:
        super().__init__(rows)
        self.groups, self.models, self.pipelines = groups, models, pipelines

    def visible_to(
        self, user: str, *, sysadmin: bool = False, after: str = ""
    ) -> Iterator[StreamId]:
        """Yield the streams whose state a user may see, by name, past one of them.

        These are the catalog, the user and the user's groups, and the models, pipelines and
        sessions that are or were the user's own or are shared with the user or these groups; for a
        sysadmin also all users, groups, models and pipelines, and the sessions without an owner.
        """
        for kind in _KINDS:
            low = after.partition("/")[2] if after.startswith(f"{kind}/") else ""
            if low or kind > after:
                names = self._names_of(kind, user, sysadmin, low)
                yield from (StreamId(f"{kind}/{name}") for name in names)

    def _names_of(self, kind: str, user: str, sysadmin: bool, after: str) -> Iterable[str]:
        if kind == "session":
            indexes = [(sessions.BY_OWNER, user), (sessions.BY_READER, user)]
            names = map(group_name, self.groups.of_user(user))
            indexes += [(sessions.BY_READER, name) for name in names]
            indexes += [(sessions.BY_OWNER, "")] if sysadmin else []
            return _merge(*(self.rows.names(*index, after=after) for index in indexes))
        if kind == "group" and not sysadmin:
            return [name for name in self.groups.of_user(user) if name > after]
        if kind == "model" and not sysadmin:
            return self.models.names(after, user)
        if kind == "pipeline" and not sysadmin:
            return self.pipelines.names(after, user)
        if kind == "user" and not sysadmin:
            return [user] if user > after else []
        return self.ids(kind, after)

    def offsets(self, stream: StreamId) -> tuple[int, list[int]]:
        """Return the partition of a stream, and the offsets of its events in their order.

        A stream without events has no offsets.
        """
        rows = list(self.rows.scan(STREAMS, stream))
        offsets = [offset for row in rows for offset in row.offsets]
        return rows[0].partition if rows else 0, offsets

    def ids(self, kind: str, after: str = "") -> Iterator[str]:
        """Yield the ids of all streams of a kind that have an event, in order, past one of them."""
        low = STREAMS.prefix(start=f"{kind}/{after}") + b"\x01" if after else b""
        last = None
        for at, _ in self.rows.content.scan(STREAMS.prefix(start=f"{kind}/"), after=low):
            name = at[len(STREAMS.prefix()) : -9].decode()
            if name != last:
                last = name
                yield name.partition("/")[2]

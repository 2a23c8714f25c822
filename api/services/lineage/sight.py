"""What a principal sees of the things of a lineage, at the present or a past point."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, model_level
from autolearn.api.state.context import ApiContext
from autolearn.projections.lineage.edges import Edge, Ref
from autolearn.projections.predictions.hour_rows import hours_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.time_travel.past import AsOfReader
from autolearn.schemas.rest.lineage.graph import LineageNode
from autolearn.schemas.values import StreamId

_MOST_HOURS = 2_000
"""Hours of a model, the newest ones, of which requests are counted."""


class Start(NamedTuple):
    """The thing that was asked for. A single request brings its `node` and its `edge`."""

    ref: Ref
    node: LineageNode | None = None
    edge: Edge | None = None


class RequestCount(NamedTuple):
    """So many requests that a version has answered since an hour."""

    requests: int
    since: str


class Sight:
    """The eyes of a principal, whose rights are those of the present. All of it blocks.

    `past` reads streams up to the point that was asked for.
    """

    def __init__(
        self, context: ApiContext, who: Principal, now: Snapshot, past: AsOfReader | None = None
    ) -> None:
        self.context, self.who, self.now, self.past = context, who, now, past
        self.seen = now if past is None else past.snapshot

    def at(self, stream: StreamId) -> Snapshot:
        """Return the read models of the moment, with this stream.

        Raises:
            LogError: the log cannot be read.
            PastTooLarge: too much of the past was read for one answer.
        """
        if self.past is not None and stream not in self.past.loaded:
            self.past.load(stream)
            self.seen = self.past.snapshot
        return self.seen

    def asked(self, version: Ref) -> RequestCount | None:
        """Return how often a version was asked, by the newest hours; None for never.

        Only those who may promote know it. It is no part of the event log, so not of the past.
        """
        hours = self.context.hours
        if self.past is not None or not hours.known.is_set():
            return None
        if model_level(self.who, self.now, version.within) < Level.WORK:
            return None
        number, requests, since = int(version.name), 0, ""
        for _, _, row in islice(hours_of(hours.store, version.within), _MOST_HOURS):
            if row.version == number and row.requests and not (row.batch or row.shadow):
                requests, since = requests + row.requests, row.hour
        return RequestCount(requests, since) if requests else None

"""The quotas of users and pipelines and their use, by the read models of this process.

Quotas over several streams are counted here and in `dispatch`, each from its own views: commands on
their way may exceed them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Struct

from autolearn.api.http.problems import Problem
from autolearn.projections.queries.queries import ReadModelQueries, Snapshot
from autolearn.projections.rows.pipelines import StoredPipeline
from autolearn.runtime.timestamps import text
from autolearn.schemas.commands import RequestPipeline
from autolearn.schemas.errors import REASONS
from autolearn.schemas.quotas import QUOTAS, exceeded, kind_of_holder, limit_of, source_of
from autolearn.schemas.rest.users import QuotaState
from autolearn.schemas.settings import QuotaSettings
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import SessionId

_COUNTS_FOR = 1.0
"""Seconds for which a count is valid."""
_MOST = 10_000
"""Users and quotas whose count is cached."""


def _live_tokens(snapshot: Snapshot, user: str) -> int:
    now = text(int(time.time() * 1000))
    return sum(
        one.revoked is None and (one.expires is None or one.expires > now)
        for one in snapshot.users.tokens(user)
    )


def _pipeline(snapshot: Snapshot, holder: str) -> StoredPipeline:
    row = snapshot.pipelines.stored(holder.partition("/")[2])
    assert row is not None, f"{holder} was found"
    return row


_COUNTED: Mapping[str, Callable[[Snapshot, str], int]] = MappingProxyType(
    {
        "sessions": lambda snapshot, holder: snapshot.users.open_sessions(holder),
        "dataset-bytes": lambda snapshot, user: snapshot.catalog.dataset_bytes(user),
        "tokens": _live_tokens,
        "runs-queued": lambda snapshot, holder: snapshot.users.work(holder).queued,
        "runs-running": lambda snapshot, user: snapshot.users.work(user).running,
        "pipelines": lambda snapshot, user: snapshot.pipelines.count_of(user),
        "runs-open": lambda snapshot, holder: _pipeline(snapshot, holder).open,
        "result-bytes": lambda snapshot, holder: _pipeline(snapshot, holder).bytes,
    }
)
"""The use of the quotas that are counted here."""


def _limit_for(quotas: QuotaSettings, snapshot: Snapshot, holder: str, quota: str) -> int:
    """Return a holder's limit of a quota."""
    return limit_of(quota, snapshot.users.quota(holder, quota), quotas)


def quotas_of(quotas: QuotaSettings, snapshot: Snapshot, holder: str) -> list[QuotaState]:
    """Return all quotas of a user or a pipeline."""
    own = {row.name: row.limit for row in snapshot.users.quotas(holder)}
    kind = kind_of_holder(holder)
    return [
        QuotaState(
            name,
            limit_of(name, own.get(name), quotas),
            _COUNTED[name](snapshot, holder) if name in _COUNTED else None,
            quota.unit,
            source_of(name, own.get(name), kind),
            quota.words,
        )
        for name, quota in QUOTAS.items()
        if kind in quota.kinds
    ]


def check_run(quotas: QuotaSettings, snapshot: Snapshot, session: SessionId) -> None:
    """Raise a problem if a session, or the holder of its quotas, has as many runs as allowed.

    Raises:
        Problem: as `check_quota`.
    """
    holder, many = snapshot.sessions.holder(session), snapshot.sessions.count_runs(session)
    check_quota(quotas, snapshot, holder, "runs-queued")
    check_quota(quotas, snapshot, holder, "session-runs", used=many)


def check_pipeline_run(
    quotas: QuotaSettings, snapshot: Snapshot, command: RequestPipeline, pipeline: str
) -> None:
    """Raise a problem if a pipeline has as many runs, sessions or bytes of results as allowed.

    Raises:
        Problem: as `check_quota`.
    """
    holder = stream("pipeline", pipeline)
    for quota in ("runs-open", "runs-queued", "result-bytes"):
        check_quota(quotas, snapshot, holder, quota)
    if any(step.kind == "train" for step in command.definition.steps):
        check_quota(quotas, snapshot, holder, "sessions")


def check_quota(
    quotas: QuotaSettings,
    snapshot: Snapshot,
    holder: str,
    quota: str,
    more: int = 1,
    used: int | None = None,
) -> None:
    """Raise a problem if a holder who takes `more` of a quota exceeds its limit.

    Raises:
        Problem: the quota is used up (409); it says who can raise it.
    """
    used = _COUNTED[quota](snapshot, holder) if used is None else used
    limit = _limit_for(quotas, snapshot, holder, quota)
    if used + more > limit:
        status, title = REASONS["quota-exceeded"]
        detail = f"{exceeded(quota, holder, used, limit)} Nothing was done."
        raise Problem(status, "quota-exceeded", title, detail, quota=quota, limit=limit, used=used)


class Count(Struct):
    """A user's use of a quota at a time, and the use here since."""

    many: int
    at: float


class Taken:
    """The use by users, counted again each second, and before a refusal."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.counts: OrderedDict[tuple[str, str], Count] = OrderedDict()

    def take(self, quotas: QuotaSettings, queries: ReadModelQueries, user: str, quota: str) -> None:
        """Take one more of a quota.

        Raises:
            Problem: the quota is used up (409); it says who can raise it.
        """
        now, snapshot = self.clock(), queries.latest()
        limit = _limit_for(quotas, snapshot, user, quota)
        count = self.counts.get((user, quota))
        if count is None or now - count.at > _COUNTS_FOR or count.many >= limit:
            count = self.counts[user, quota] = Count(_COUNTED[quota](snapshot, user), now)
            self.counts.move_to_end((user, quota))
            if len(self.counts) > _MOST:
                self.counts.popitem(last=False)
        check_quota(quotas, snapshot, user, quota, used=count.many)
        count.many += 1

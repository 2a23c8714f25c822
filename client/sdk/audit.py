"""The behaviour log, for both clients."""

from __future__ import annotations

from autolearn.client.sdk.event_feed import Feed, follow
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.subscriptions import subscription
from autolearn.schemas.rest.audit import Hops


class Auditing:
    """Requests, commands, decisions and tasks, with their outcomes."""

    @operation
    def audit(
        self,
        *,
        begin: str = "",
        end: str = "",
        actor: str = "",
        service: str = "",
        stream: str = "",
        outcome: str = "",
        trace: str = "",
        source: str = "store",
        limit: int | None = None,
        page: str | None = None,
    ) -> Flow[Hops]:
        """List hops, newest first; `begin` and `end` are times (RFC 3339 with a zone).

        A page may be short, or empty: go on while there is a `next`.
        """
        query = {
            **_chosen(begin, end, actor, service, stream, outcome, trace),
            "source": source,
            "limit": limit,
            "page": page,
        }
        return ask(Call("GET", "/v1/audit", Hops, query))

    @subscription
    def follow_audit(
        self,
        *,
        actor: str = "",
        service: str = "",
        stream: str = "",
        outcome: str = "",
        trace: str = "",
        patience: float = 60.0,
    ) -> Feed:
        """Iterate over new hops; an entry's `event` is one.

        Hops of another API process come a little later. If the API process ends, hops until the
        next connection are missing: `audit` has them.
        """
        query = _chosen("", "", actor, service, stream, outcome, trace)
        return follow("/v1/audit", query, patience)


def _chosen(
    begin: str, end: str, actor: str, service: str, stream: str, outcome: str, trace: str
) -> dict[str, object]:
    """Return the part of a query that filters hops."""
    given = {"from": begin, "to": end, "actor": actor, "service": service, "stream": stream,
             "outcome": outcome, "trace": trace}  # fmt: skip
    return {name: value or None for name, value in given.items()}

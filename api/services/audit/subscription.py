"""The subscription of a sysadmin to the behaviour log of this process."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator

from autolearn.api.http.sse import block, comment
from autolearn.api.identity.principal import Principal, bad_token, still_let_in
from autolearn.api.shared.events.subscription import KEEP_ALIVE, RETRY, joined, said
from autolearn.api.state.audit_trail import Recent
from autolearn.api.state.event_tail import EventTail
from autolearn.projections.audit.audit_trail import HopFilter
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.schemas.codec import to_json


class AuditSubscription:
    """Sends new hops, or those past `last`, an id of this process.

    Hops that are no longer in memory are not sent: the store has them.
    """

    def __init__(
        self,
        recent: Recent,
        tail: EventTail,
        queries: ReadModelQueries,
        who: Principal,
        sought: HopFilter,
        last: str,
    ) -> None:
        self.recent, self.tail, self.queries = recent, tail, queries
        self.who, self.sought = who, sought
        run, _, number = last.partition("-")
        known = run == self.recent.run and number.isdecimal()
        self.at = int(number) if known else self.recent.end

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """Yield the parts to send."""
        yield block(id=self.token(self.at), retry=RETRY)
        with self.tail.counted():
            while not self.recent.closed:
                if not self.let_in():
                    yield block(event="problem", data=said(bad_token()))
                    return
                hops, self.at = self.recent.past(self.at), self.recent.end
                new = [(at, hop) for at, hop in hops if self.sought.fits_all(hop)]
                blocks = (
                    block(id=self.token(at + 1), event=h.kind, data=to_json(h)) for at, h in new
                )
                for part in joined(blocks):
                    yield part
                if not new:
                    yield comment()
                await self._until_more(time.monotonic() + KEEP_ALIVE)

    def let_in(self) -> bool:
        """Return whether the subscriber is still authenticated, and a sysadmin."""
        return still_let_in(self.queries, self.who)

    async def _until_more(self, deadline: float) -> None:
        while (left := deadline - time.monotonic()) > 0 and not self.recent.closed:
            await self.recent.more(self.at, left)
            if any(self.sought.fits_all(hop) for _, hop in self.recent.past(self.at)):
                return
            self.at = self.recent.end

    def token(self, at: int) -> str:
        """Return the id of a place in this process's memory."""
        return f"{self.recent.run}-{at}"

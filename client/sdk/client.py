"""The Python client, sync and async: the same methods, one description of each.

    with autolearn.connect() as al, al.session("first steps") as session:
        training = session.train("random-forest", "iris", metrics=["f1"])
        print(training.results)
        session.commit()

`AsyncAutoLearn` is used with `async with` and `await`. What changes something carries an
Idempotency-Key, so a lost connection or a 503 is tried again without doing anything twice. What one
client has changed is in whatever it reads later, also through another API process.
Problems of the API are raised as `Problem`; when it does not answer, `Unreachable` is.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

from autolearn.client.sdk import trust
from autolearn.client.sdk.access.credentials import find, place_of
from autolearn.client.sdk.audit import Auditing
from autolearn.client.sdk.comparisons import Comparing
from autolearn.client.sdk.lineage.lineage import Lineages
from autolearn.client.sdk.models.registry import Models
from autolearn.client.sdk.pipelines.pipelines import PipelineAccess, Pipelines
from autolearn.client.sdk.read_your_writes import AsyncReached, Reached
from autolearn.client.sdk.sessions import Experiments, SessionOpener, Sessions
from autolearn.client.sdk.system import System
from autolearn.client.sdk.transport import Awaiting, AwaitingPart, Blocking, BlockingPart
from autolearn.client.sdk.users import Groups, Users


def _bearer(url: str, token: str | None) -> dict[str, str]:
    """Return the authentication header of a token; "" for none, None for the stored one."""
    if token is None:
        kept = find(place_of(url))
        token = kept.token if kept is not None else ""
    return {"Authorization": f"Bearer {token}"} if token else {}


class BlockingSessions(BlockingPart, Sessions):
    """The open sessions."""


class AwaitingSessions(AwaitingPart, Sessions):
    """The open sessions."""


class BlockingExperiments(BlockingPart, Experiments):
    """The experiments."""


class AwaitingExperiments(AwaitingPart, Experiments):
    """The experiments."""


class BlockingPipelines(BlockingPart, Pipelines):
    """The pipelines."""


class AwaitingPipelines(AwaitingPart, Pipelines):
    """The pipelines."""


class _Methods(
    SessionOpener, System, Models, PipelineAccess, Users, Groups, Auditing, Comparing, Lineages
):
    """The methods of both clients."""


class AutoLearn(Blocking, _Methods):
    """A client that blocks. `url` is that of the API; use it from one thread at a time.

    `token` authenticates; without it, AUTOLEARN_TOKEN or the one stored by `autolearn login` does.
    `seal` says whether requests are sealed (docs/wire.md); None: by AUTOLEARN_SEAL, or yes.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        transport: httpx.BaseTransport | None = None,
        seal: bool | None = None,
    ) -> None:
        reached = Reached()
        self._http = httpx.Client(
            base_url=url,
            headers=_bearer(url, token),
            transport=trust.transport(url, transport, seal),
            event_hooks={"request": [reached.ask], "response": [reached.keep]},
            trust_env=False,
        )
        self.sessions = BlockingSessions(self._http)
        self.experiments = BlockingExperiments(self._http)
        self.pipelines = BlockingPipelines(self._http)

    def __repr__(self) -> str:
        return f"<AutoLearn at {self._http.base_url}>"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncAutoLearn(Awaiting, _Methods):
    """A client to await. `url` and `token` as in AutoLearn."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        seal: bool | None = None,
    ) -> None:
        reached = AsyncReached()
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=_bearer(url, token),
            transport=trust.async_transport(url, transport, seal),
            event_hooks={"request": [reached.ask_async], "response": [reached.keep_async]},
            trust_env=False,
        )
        self.sessions = AwaitingSessions(self._http)
        self.experiments = AwaitingExperiments(self._http)
        self.pipelines = AwaitingPipelines(self._http)

    def __repr__(self) -> str:
        return f"<AsyncAutoLearn at {self._http.base_url}>"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

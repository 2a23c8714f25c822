"""Shares the requests to a model among its versions, guards them, and asks the shadow."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from starlette.types import Scope

from autolearn.agents.command_client import CommandClient
from autolearn.agents.policies.traffic import end_traffic
from autolearn.api.commands.recorded_request import RecordedRequest
from autolearn.api.http.problems import Problem, too_many
from autolearn.api.serving.asked_models import AskedModel, AskedModels
from autolearn.api.serving.prediction_log import PredictionLog
from autolearn.api.serving.rows import GivenRows, answer
from autolearn.api.state.context import ApiContext
from autolearn.runtime.token_bucket import GrantPaces
from autolearn.runtime.uuid7 import derived
from autolearn.schemas.actors import SERVE
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.models.traffic import GuardCount, breach_in, counted, route

log = structlog.stdlib.get_logger("autolearn.serve")

_MOST_SHADOWS = 100
"""Answers of shadows that are computed or wait for it; further ones are left out."""
_MOST_COUNTS = 10_000


class TrafficRouter:
    """Everything here runs on the event loop, the answers of shadows aside."""

    def __init__(self, context: ApiContext, asked: AskedModels, predictions: PredictionLog) -> None:
        self.context, self.asked, self.predictions = context, asked, predictions
        self.paces = GrantPaces()
        self.counts: dict[tuple[str, int, int], tuple[GuardCount, ...]] = {}
        """Of each model, revision of its traffic, and version."""
        self.ended: set[tuple[str, int]] = set()
        """The revisions of traffic that this process has ended."""
        self.shadows: set[asyncio.Task[None]] = set()
        self.left_out = 0
        """Answers of shadows that were left out."""
        instance = context.audit.instance
        self.commands = CommandClient(context.log, context.topics, SERVE, instance)

    def pace(self, asked: AskedModel, rows: int) -> None:
        """Count a request with so many rows against the grant of its user.

        Raises:
            Problem: the grant allows fewer a second (429).
        """
        pause = self.paces.take(asked.who.name, asked.model, rows, asked.grant)
        if not pause:
            return
        after = "" if math.isinf(pause) else f" in {math.ceil(pause)} s"
        problem = too_many(
            f"Your grant of {asked.model} allows fewer requests or rows a second. The owner can "
            f"raise it (`autolearn model share`). Nothing was recorded: try again{after}."
        )
        problem.headers = {"Retry-After": "60" if math.isinf(pause) else str(math.ceil(pause))}
        raise problem

    async def chosen(
        self, scope: Scope, asked: AskedModel, columns: Mapping[str, Sequence[Any]], identity: str
    ) -> AskedModel:
        """Return the version to which a request is routed; its first row has the key.

        Raises:
            Problem: it cannot be loaded.
        """
        live = asked.live
        if live is None or live.traffic is None:
            return asked
        row = {name: values[0] for name, values in columns.items() if len(values)}
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        number = route(live.traffic, live.aliases, live.traffic.key(row, headers, identity))
        if number in (0, asked.number):
            return asked
        return await self.asked.version(asked, number)

    @contextmanager
    def guarded(self, chosen: AskedModel, champion: int, call: RecordedRequest) -> Iterator[None]:
        """Count an answer of a version in traffic; end the traffic if it passes a guard's limit."""
        failed = True
        try:
            yield
            failed = False
        except Problem as problem:
            failed = problem.status_code >= 500
            raise
        finally:
            if chosen.number != champion:
                took = (time.perf_counter() - call.clock) * 1000
                self._count(chosen, failed=failed, milliseconds=took)

    def _count(self, chosen: AskedModel, *, failed: bool, milliseconds: float) -> None:
        live = chosen.live
        if live is None or live.traffic is None or not live.guards:
            return
        revision = live.traffic.revision
        at = (chosen.model, revision, chosen.number)
        counts = counted(
            live.guards, self.counts.get(at, ()), failed=failed, milliseconds=milliseconds
        )
        if len(self.counts) >= _MOST_COUNTS:
            self.counts.clear()
        self.counts[at] = counts
        breach = breach_in(chosen.number, live.guards, counts)
        if breach is None or (chosen.model, revision) in self.ended:
            return
        self.ended.add((chosen.model, revision))
        log.warning("traffic ends", model=chosen.model, version=chosen.number, guard=breach.guard)
        follows = end_traffic(chosen.model, revision, breach)
        self.commands.post(follows.stream, follows.command, follows.id)

    def shadow(
        self,
        asked: AskedModel,
        call: RecordedRequest,
        identity: str,
        given_in: Callable[[Any], GivenRows],
    ) -> None:
        """Let the shadow answer the same rows, in the background: only the record has it.

        `given_in` reads the rows for a model.
        """
        if len(self.shadows) >= _MOST_SHADOWS:
            self.left_out += 1
            return
        task = asyncio.create_task(self._shadowed(asked, call, identity, given_in))
        self.shadows.add(task)
        task.add_done_callback(self.shadows.discard)

    async def _shadowed(
        self,
        asked: AskedModel,
        call: RecordedRequest,
        identity: str,
        given_in: Callable[[Any], GivenRows],
    ) -> None:
        assert asked.live is not None, "it has a shadow"
        number = asked.live.shadow
        try:
            shadow = await self.asked.version(asked, number)

            def computed() -> tuple[GivenRows, Any]:
                given = given_in(shadow.loaded.model)
                return given, answer(given, shadow)

            given, said = await self.context.executors.inference.run(computed)
            own = derived(identity)
            await self.predictions.record(
                call, shadow, own, given.columns, said, durable=False, shadow_of=identity
            )
        except (Problem, AutoLearnError) as error:
            log.warning("the shadow gave no answer", model=asked.model, version=number, why=error)

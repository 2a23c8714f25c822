"""Registers the catalog of this installation. Light: a run loads the plug-ins."""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from autolearn.agents.command_client import CommandClient, command_id
from autolearn.agents.executors.executor import Completed, Executor, Failed, Limits, Lost, Outcome
from autolearn.ml.results import CatalogResult
from autolearn.projections.work.open_runs import OpenRuns, spec_digest
from autolearn.runtime.trace_context import Trace
from autolearn.schemas.commands import (
    RegisterDataset,
    RegisterEstimator,
    RegisterMetric,
    RegisterStep,
)
from autolearn.schemas.errors import AutoLearnError, TooLarge
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import StreamId

logger = structlog.get_logger(__name__)
_LIMITS = Limits(time_s=120, memory_mb=2048)


class CatalogUnavailable(AutoLearnError):
    """The catalog could not be loaded."""

    title = "The catalog cannot be announced"


async def announce(
    executor: Executor, runs: OpenRuns, commands: CommandClient, traced: bool, *, cluster: bool
) -> None:
    """Register estimators, metrics, steps and bundled datasets that the log lacks or has otherwise.

    Estimators that learn on a cluster are registered if this worker has one. A dataset is
    registered once: an update does not replace data that were trained on.

    Raises CatalogUnavailable.
    """
    found = _catalog_of(await executor.start("catalog", cluster, _LIMITS).outcome())
    for problem in found.problems:
        logger.warning("a plug-in was left out", problem=problem)
    for name, command in _registrations(found):
        known = runs.offered(name)
        digest = spec_digest(command.spec)
        once = isinstance(command, RegisterDataset)
        if known is None or (known.spec != digest and not once):
            # The sequence makes going back to an earlier specification another command.
            after = known.sequence if known else 0
            identity = command_id("offer", name, digest, "after", after)
            try:
                await commands.ask(name, command, identity, Trace.begin() if traced else None)
            except TooLarge as error:
                logger.warning("an offer was left out", name=name, why=error.detail)


def _registrations(
    found: CatalogResult,
) -> Iterator[tuple[StreamId, RegisterEstimator | RegisterMetric | RegisterStep | RegisterDataset]]:
    for estimator in found.estimators:
        yield stream("estimator", estimator.name), RegisterEstimator(estimator)
    for metric in found.metrics:
        yield stream("metric", metric.name), RegisterMetric(metric)
    for step in found.steps:
        yield stream("step", step.name), RegisterStep(step)
    for dataset in found.datasets:
        yield stream("dataset", dataset.name), RegisterDataset(dataset)


def _catalog_of(outcome: Outcome) -> CatalogResult:
    match outcome:
        case Completed(result=CatalogResult() as found):
            return found
        case Completed(result=other):
            raise CatalogUnavailable(f"a {type(other).__name__} came back")
        case Failed(reason=reason, detail=detail):
            raise CatalogUnavailable(f"{reason}: {detail}")
        case Lost(detail=detail):
            raise CatalogUnavailable(detail)

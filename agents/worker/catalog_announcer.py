"""The catalog of this installation, as commands. Light: a run loads the plug-ins."""

from __future__ import annotations

from autolearn.agents.executors.executor import Completed, Executor, Failed, Limits, Lost
from autolearn.ml.results import CatalogResult
from autolearn.schemas.commands import RegisterDataset, RegisterEstimator, RegisterMetric
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.messages import Command

_LIMITS = Limits(time_s=120, memory_mb=2048)


class CatalogUnavailable(AutoLearnError):
    """The catalog could not be loaded."""

    title = "The catalog cannot be announced"


class CatalogAnnouncement(list[Command]):
    """The commands; `problems` are sentences about plug-ins that were left out."""

    problems: tuple[str, ...] = ()


async def offers(executor: Executor) -> CatalogAnnouncement:
    """Return a command for every estimator, metric and bundled dataset, which is stored then.

    Raises CatalogUnavailable.
    """
    outcome = await executor.start("catalog", None, _LIMITS).outcome()
    match outcome:
        case Completed(result=CatalogResult() as found):
            commands = CatalogAnnouncement(
                [
                    *(RegisterEstimator(spec=spec) for spec in found.estimators),
                    *(RegisterMetric(spec=spec) for spec in found.metrics),
                    *(RegisterDataset(spec=spec) for spec in found.datasets),
                ]
            )
            commands.problems = found.problems
            return commands
        case Failed(reason=reason, detail=detail):
            raise CatalogUnavailable(f"{reason}: {detail}")
        case Lost(detail=detail):
            raise CatalogUnavailable(detail)
        case Completed(result=other):
            raise CatalogUnavailable(f"a {type(other).__name__} came back")

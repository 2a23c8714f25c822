"""The table of the forecasts of a run: its models beside the naive ones, for each time ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import RenderableType

from autolearn.client.cli.output import number, rows, short
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.rest.pipelines.runs import PipelineRun

Figures = Mapping[str, float]
_MOST_METRICS = 4
"""Columns of metrics."""


def forecasts(one: PipelineRun) -> RenderableType | None:
    """Return the forecasts of a run, a line each; None if it has measured none."""
    found = [step.gave for step in one.steps if step.gave.naive and step.gave.evaluations]
    if not found:
        return None
    gave = found[-1]
    metrics = [*dict.fromkeys(name for run in gave.trainings for name in gave.scores.get(run, {}))]
    metrics = metrics[:_MOST_METRICS]
    lines = [
        (horizon, *line, *(_figure(figures, metric) for metric in metrics))
        for horizon in dict.fromkeys(gave.horizons[run] for run in gave.trainings)
        for line, figures in _of_horizon(gave, horizon)
    ]
    heads = ("ahead", "forecast", "training", "", *metrics)
    return rows(heads, lines, leave=("training",), wraps=("forecast",))


def _of_horizon(gave: StepGave, horizon: str) -> Iterator[tuple[tuple[str, ...], Figures]]:
    """Yield name, id, mark and metrics of each forecast: of the models, then of the naive ones."""
    for run in gave.trainings:
        if gave.horizons[run] == horizon:
            mark = "✓" if gave.bests.get(horizon) == run else ""
            yield (gave.estimators.get(run, ""), short(run), mark), gave.scores.get(run, {})
    for name, figures in gave.naive.get(horizon, {}).items():
        yield (f"naive: {name}", "", ""), figures


def _figure(figures: Figures, metric: str) -> str:
    return number(figures[metric]) if metric in figures else ""

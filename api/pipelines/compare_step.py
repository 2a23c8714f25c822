"""The step that chooses the best of the trainings, and sets them beside the naive forecasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork
from autolearn.schemas.bounds import cut
from autolearn.schemas.codec import to_json
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.training.choice import best_of, metric_of
from autolearn.schemas.values import NO_RUN, RunId

_LONGEST_WORDS = 200
"""Characters of the words for a model."""


async def compare(by: ConductedRun, work: StepWork) -> StepGave:
    """Choose the best training by a metric, the first of equal ones; of forecasts for each horizon.

    Raises:
        StepFailed: no training has a value of the metric.
    """
    given = work.first(lambda gave: gave.trainings)
    metric = metric_of(str(work.step.parameters.get("by") or ""), given.scores)
    measured = sorted({name for scores in given.scores.values() for name in scores})
    name = metric.partition(":")[0]
    row = await by.read(lambda now, _: now.catalog.metric(name))
    greater = row is None or row.spec.greater_is_better is not False
    bests: dict[str, RunId] = {}
    for horizon in dict.fromkeys(given.horizons.get(run, "") for run in given.trainings):
        runs = [run for run in given.trainings if given.horizons.get(run, "") == horizon]
        best = best_of(given.scores, runs, metric, greater_is_better=greater)
        if best == NO_RUN:
            raise StepFailed(
                f"no training{f' of {horizon}' if horizon else ''} was measured by "
                f"{metric or 'anything'}: it has {', '.join(measured) or 'no figure'}; evaluate "
                "measures, and `by` names the metric"
            )
        bests[horizon] = best
    if not given.horizons:
        chosen = await _named(by, given, bests[""])
        return replace(given.models, best=bests[""], notes=(chosen,))
    named = [f"{at}: {await _named(by, given, run)}" for at, run in bests.items()]
    notes = (*named, *_unbeaten(given, bests, metric, 1 if greater else -1))
    return replace(given.models, bests=bests, notes=notes)


async def _named(by: ConductedRun, given: StepGave, run: RunId) -> str:
    """Return which model a training is, for people."""
    training = await by.read(lambda now, _: now.runs.training(given.session, run))
    if training is None or training.unreadable:
        return "the session of the run has ended"
    set_to = (f"{name}={to_json(one).decode()}" for name, one in training.hyperparameters.items())
    return cut(" ".join((training.estimator, *set_to)), _LONGEST_WORDS)


def _unbeaten(given: StepGave, bests: Mapping[str, RunId], metric: str, sign: int) -> Iterator[str]:
    """Yield a sentence for each horizon where the best model is no better than a naive forecast.

    `sign` is -1 for a metric of which less is better.
    """
    for horizon, run in bests.items():
        naive = {
            name: figures[metric]
            for name, figures in given.naive.get(horizon, {}).items()
            if metric in figures
        }
        if not naive:
            continue
        best = max(naive, key=lambda name: sign * naive[name])
        ours = given.scores[run][metric]
        if sign * ours <= sign * naive[best]:
            yield (
                f"{horizon}: no model beats the naive forecast {best}, whose {metric} is "
                f"{naive[best]:.4g}; the best model has {ours:.4g}"
            )

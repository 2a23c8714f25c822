"""The step that chooses the best of the trainings, and sets them beside the naive forecasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from autolearn.api.pipelines.run import ConductedRun, StepFailed, StepWork
from autolearn.schemas.bounds import cut
from autolearn.schemas.codec import to_json
from autolearn.schemas.pipelines.results import StepGave
from autolearn.schemas.values import RunId

_LONGEST_WORDS = 200
"""Characters of the words for a model."""


async def compare(by: ConductedRun, work: StepWork) -> StepGave:
    """Choose the best training by a metric, the first of equal ones; of forecasts for each horizon.

    Raises:
        StepFailed: no training has a value of the metric.
    """
    given = work.first(lambda gave: gave.trainings)
    metric = str(work.step.parameters.get("by") or "")
    measured = sorted({name for scores in given.scores.values() for name in scores})
    if not metric and len(measured) == 1:
        metric = measured[0]
    name = metric.partition(":")[0]
    row = await by.read(lambda now, _: now.catalog.metric(name))
    sign = -1 if row is not None and row.spec.greater_is_better is False else 1
    bests: dict[str, RunId] = {}
    for horizon in dict.fromkeys(given.horizons.get(run, "") for run in given.trainings):
        found = {
            run: sign * given.scores[run][metric]
            for run in given.trainings
            if given.horizons.get(run, "") == horizon and metric in given.scores.get(run, {})
        }
        if not found:
            raise StepFailed(
                f"no training{f' of {horizon}' if horizon else ''} was measured by "
                f"{metric or 'anything'}: it has {', '.join(measured) or 'no figure'}; evaluate "
                "measures, and `by` names the metric"
            )
        bests[horizon] = max(found, key=found.__getitem__)  # the first of equal ones
    if not given.horizons:
        chosen = await _named(by, given, bests[""])
        return replace(given.models, best=bests[""], notes=(chosen,))
    named = [f"{at}: {await _named(by, given, run)}" for at, run in bests.items()]
    notes = (*named, *unbeaten(given, bests, metric, sign))
    return replace(given.models, bests=bests, notes=notes)


async def _named(by: ConductedRun, given: StepGave, run: RunId) -> str:
    """Return which model a training is, for people."""
    training = await by.read(lambda now, _: now.runs.training(given.session, run))
    if training is None or training.unreadable:
        return "the session of the run has ended"
    set_to = (f"{name}={to_json(one).decode()}" for name, one in training.hyperparameters.items())
    return cut(" ".join((training.estimator, *set_to)), _LONGEST_WORDS)


def unbeaten(given: StepGave, bests: Mapping[str, RunId], metric: str, sign: int) -> Iterator[str]:
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

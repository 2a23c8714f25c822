"""Tables of studies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType

from autolearn.client.cli.output import pairs, rows, sentence, short, shortened
from autolearn.client.cli.run_progress import phase_of
from autolearn.schemas.rest.runs import Study
from autolearn.schemas.studies.search import PRUNED, Versus

_SURE = 0.05
"""The p-value below which a difference is called more than chance."""


def studies(found: Iterable[Study]) -> RenderableType:
    """Return studies, a line each."""
    lines = [
        (short(one.id), _tried(one), one.dataset.name, phase_of(one), short(one.best), _scored(one))
        for one in found
    ]
    return rows(("study", "of", "data", "status", "best", "by folds"), lines, wraps=("by folds",))


def study(one: Study) -> RenderableType:
    """Return a study in detail, with what its end says."""
    given = ", ".join(f"{name}={shortened(v, 40)}" for name, v in one.hyperparameters.items())
    best = f"trial {one.trial}: {one.estimator} {given or '(defaults)'}" if one.best else ""
    about = pairs(
        {
            "study": one.id,
            "tries": _tried(one),
            "data": f"{one.dataset.name}@{short(one.dataset.version)}"
            + ("" if one.target is None else f", target {one.target}"),
            "by": f"the mean {one.metric} of {one.split.folds} folds of the training rows",
            "sampler": f"{one.sampler}, seed {one.seed}, {_bounds(one)}",
            "status": phase_of(one),
            "reason": f"{one.reason}: {one.detail}" if one.reason else "",
            "trials": ", ".join(f"{many} {status}" for status, many in one.counts.items()),
            "best": best,
            "training": one.best and f"{short(one.best)}, fitted on all training rows",
            f"{one.metric} (folds)": _scored(one),
            f"{one.metric} (held out)": _number(one.held_out.get(one.metric)),
        }
    )
    words = [*map(sentence, _words(one))] if one.best else []
    return Group(about, "", *words) if words else about


def _tried(one: Study) -> str:
    names = [candidate.estimator for candidate in one.candidates]
    return names[0] if len(names) == 1 else f"{len(names)} estimators"


def _bounds(one: Study) -> str:
    words = f"{one.trials} trials" if one.budget is None else f"{one.budget:g} s"
    return f"{words}, {one.parallel} at a time{', pruned' if one.prune else ''}"


def _scored(one: Study) -> str:
    if one.score is None:
        return ""
    return f"{_number(one.score)} ± {_number(one.deviation)}"


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else ""


def _words(one: Study) -> Iterator[str]:
    """Yield how much better the best is, how sure that is, and what the held-out figure is for."""
    if one.defaults is None and one.trial is not None and one.trial < len(one.candidates):
        yield "No trial is better than the defaults."
    if one.defaults is not None:
        name = "the defaults" if len(one.candidates) == 1 else "the best of the defaults"
        yield f"{_margin(one, one.defaults)} than {name} ({_number(one.defaults.score)})."
    if one.second is not None:
        what = f"the next one, trial {one.second.trial}"
        yield f"{_margin(one, one.second)} than {what} ({_number(one.second.score)})."
    if one.counts.get(PRUNED):
        yield f"{one.counts[PRUNED]} trials ended early: their folds were worse than the median."
    if one.held_out:
        yield (
            "The held-out figure chose nothing, so it is an honest estimate. Who chooses by it, "
            "among several studies say, makes it too good: keep other rows for that."
        )


def _margin(one: Study, other: Versus) -> str:
    """Say by how much the best trial is better than another one, and how sure that is."""
    if other.difference == 0:
        return "The best is not better"
    if other.p_value is None:
        sure = "that cannot be tested"
    else:
        sure = "more than chance" if other.p_value < _SURE else "that may be chance"
        sure += f", p = {other.p_value:.2g}, corrected t-test over {one.split.folds} folds"
    return f"The best is {abs(other.difference):.4f} better ({sure})"

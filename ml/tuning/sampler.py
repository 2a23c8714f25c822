"""Chooses the trials of a study, with Optuna's samplers.

What is chosen depends on the request, the number of the trial, and the trials that are known: a
process that starts anew with those of the log goes on as the one before it.
"""

from __future__ import annotations

import hashlib
import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from autolearn.schemas.studies.search import (
    GRID_STEPS,
    MOST_TRIALS,
    Dimension,
    Sampler,
    StudyCandidate,
)
from autolearn.schemas.values import JsonValue

_ESTIMATOR = "estimator"
_STARTUP = 10
"""Trials that TPE chooses at random before it learns from them."""
ENVIRONMENT: Mapping[str, JsonValue] = {"libraries": {"optuna": optuna.__version__}}
"""What chooses the trials."""
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Proposal(NamedTuple):
    """What a trial is to train: an estimator with all hyperparameters that are given."""

    candidate: StudyCandidate
    hyperparameters: dict[str, JsonValue]


class _Known(NamedTuple):
    """A trial that was asked for."""

    proposal: Proposal
    state: TrialState = TrialState.RUNNING
    value: float | None = None


class StudySampler:
    """Chooses trials; the first ones have the defaults of each candidate, in their order."""

    def __init__(
        self, candidates: Sequence[StudyCandidate], sampler: Sampler, seed: int, *, maximize: bool
    ) -> None:
        self.candidates, self.kind, self.seed = candidates, sampler, seed
        self.maximize = maximize
        self.tuned = [one for one in candidates if one.space]
        self._known: list[_Known] = []
        self._order: list[int] | None = None
        self._study = self._new_study()

    def ask(self, number: int) -> Proposal | None:
        """Choose the next trial, whose number this is; None: the whole grid was tried."""
        assert number == len(self._known), "trials are chosen in the order of their numbers"
        if number < len(self.candidates):
            one = self.candidates[number]
            chosen: Proposal | None = Proposal(one, dict(one.hyperparameters))
        elif self.kind == "grid" or not self.tuned:
            chosen = self._of_grid(number - len(self.candidates))
        else:
            chosen = self._sampled(number)
        if chosen is not None:
            self._add(_Known(chosen))
        return chosen

    def note(self, number: int, estimator: str, given: Mapping[str, JsonValue]) -> None:
        """Take in a trial as the log has it: one that was asked for before, or another one."""
        candidate = next(one for one in self.candidates if one.estimator == estimator)
        known = _Known(Proposal(candidate, dict(given)))
        if number == len(self._known):
            self._add(known)
        elif self._known[number].proposal != known.proposal:
            self._known[number] = known
            self._again()

    def tell(self, number: int, value: float | None, *, pruned: bool = False) -> None:
        """Take in the end of a trial: the mean of its metric; None: it has none."""
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        if value is None or not math.isfinite(value):
            state, value = (TrialState.PRUNED if pruned else TrialState.FAIL), None
        self._known[number] = self._known[number]._replace(state=state, value=value)
        self._study.tell(number, value, state=state)

    def _new_study(self) -> optuna.Study:
        direction = StudyDirection.MAXIMIZE if self.maximize else StudyDirection.MINIMIZE
        return optuna.create_study(direction=direction, sampler=self._sampler(0))

    def _again(self) -> None:
        """Make the study again, of the known trials."""
        self._study = self._new_study()
        for one in self._known:
            self._study.add_trial(self._frozen(one))

    def _add(self, one: _Known) -> None:
        if len(self._study.get_trials(deepcopy=False)) == len(self._known):
            self._study.add_trial(self._frozen(one))
        self._known.append(one)

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Return a sampler for one trial, with a seed of its own."""
        text = f"{self.seed} {number}".encode()
        seed = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
        if self.kind == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        startup = max(_STARTUP, 2 * len(self.candidates))
        return optuna.samplers.TPESampler(n_startup_trials=startup, seed=seed)

    def _sampled(self, number: int) -> Proposal:
        self._study.sampler = self._sampler(number)
        trial = self._study.ask()
        one = self.tuned[0]
        if len(self.candidates) > 1:
            one = self.tuned[trial.suggest_categorical(_ESTIMATOR, range(len(self.tuned)))]
        given = dict(one.hyperparameters)
        for name, dimension in one.space.items():
            given[name] = _suggested(trial, _key(one, name), dimension)
        return Proposal(one, given)

    def _of_grid(self, place: int) -> Proposal | None:
        """Return one of all combinations of all candidates, in an order that the seed decides."""
        sizes = [math.prod(len(_steps(d)) for d in one.space.values()) for one in self.tuned]
        many = sum(sizes)
        if place >= min(many, MOST_TRIALS):
            return None
        if self._order is None:
            draw = random.Random(self.seed)
            if many <= sys.maxsize:
                self._order = draw.sample(range(many), min(many, MOST_TRIALS))
            else:  # more than a range can hold; hardly one is drawn twice
                self._order = list({draw.randrange(many): None for _ in range(2 * MOST_TRIALS)})
        at, which = self._order[place], 0
        while at >= sizes[which]:
            at -= sizes[which]
            which += 1
        one = self.tuned[which]
        given = dict(one.hyperparameters)
        for name, dimension in one.space.items():
            steps = _steps(dimension)
            at, step = divmod(at, len(steps))
            given[name] = steps[step]
        return Proposal(one, given)

    def _frozen(self, one: _Known) -> FrozenTrial:
        """Return a trial as Optuna keeps it; from what is not in the space it learns nothing."""
        candidate, given = one.proposal
        params: dict[str, Any] = {}
        distributions: dict[str, BaseDistribution] = {}
        if len(self.candidates) > 1 and candidate.space:
            params[_ESTIMATOR] = self.tuned.index(candidate)
            distributions[_ESTIMATOR] = CategoricalDistribution(range(len(self.tuned)))
        for key, dimension, value in _inside(candidate, given):
            params[key], distributions[key] = value, _distribution(dimension)
        return create_trial(
            state=one.state, value=one.value, params=params, distributions=distributions
        )


def _key(candidate: StudyCandidate, name: str) -> str:
    return f"{candidate.estimator}.{name}"


def _distribution(dimension: Dimension) -> BaseDistribution:
    """Return the distribution of Optuna: of choices their number, for they may be any JSON."""
    if dimension.choices:
        return CategoricalDistribution(range(len(dimension.choices)))
    if dimension.integer:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _suggested(trial: optuna.Trial, key: str, dimension: Dimension) -> JsonValue:
    """Return the value that Optuna chooses."""
    if dimension.choices:
        return dimension.choices[trial.suggest_categorical(key, range(len(dimension.choices)))]
    if dimension.integer:
        return trial.suggest_int(key, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(key, dimension.low, dimension.high, log=dimension.log)


def _steps(dimension: Dimension) -> list[JsonValue]:
    """Return the values of a dimension in a grid."""
    if dimension.choices:
        return list(dimension.choices)
    low, high = dimension.low, dimension.high
    if dimension.log:
        low, high = math.log(low), math.log(high)
    values = [low + (high - low) * step / (GRID_STEPS - 1) for step in range(GRID_STEPS)]
    if dimension.log:
        values = [math.exp(value) for value in values]
    values = [min(max(value, dimension.low), dimension.high) for value in values]
    return list(dict.fromkeys(round(v) for v in values)) if dimension.integer else [*values]


def _inside(
    candidate: StudyCandidate, given: Mapping[str, JsonValue]
) -> Iterator[tuple[str, Dimension, Any]]:
    """Yield the hyperparameters of a trial that lie in the space, as Optuna has them."""
    for name, dimension in candidate.space.items():
        value = given.get(name)
        if name in given and dimension.choices:
            same = (c == value and type(c) is type(value) for c in dimension.choices)
            place = next((at for at, is_it in enumerate(same) if is_it), None)
            if place is not None:
                yield _key(candidate, name), dimension, place
        elif isinstance(value, int | float) and dimension.low <= value <= dimension.high:
            yield _key(candidate, name), dimension, value

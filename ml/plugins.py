"""Estimators, metrics and steps found through entry points, the bundled ones included."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Generic, TypeVar

from autolearn.ml.entry_points import ESTIMATORS, METRICS, STEPS
from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.metrics.metric import Metric
from autolearn.ml.steps.step_function import StepFunction, step_of
from autolearn.schemas.catalog import EXTRAS, metric_and_class, wants_extra
from autolearn.schemas.pipelines.steps import DRIVEN
from autolearn.schemas.workers.cluster import needs_cluster

T = TypeVar("T", Estimator, Metric, StepFunction)


@dataclass(frozen=True)
class PluginSet(Generic[T]):
    """The loaded plug-ins by name, and a sentence for each that could not be loaded."""

    found: dict[str, T]
    problems: tuple[str, ...]


def load_estimators(*, cluster: bool = False) -> PluginSet[Estimator]:
    """Return every installed estimator; with `cluster` those that learn on one, too."""
    entries = _entries_of(ESTIMATORS)
    if not cluster:
        entries = metadata.EntryPoints(one for one in entries if not needs_cluster(one.name))
    return load(ESTIMATORS, Estimator, entries)


def load_metrics() -> PluginSet[Metric]:
    """Return every installed metric."""
    return load(METRICS, Metric, _entries_of(METRICS))


def load_steps() -> PluginSet[StepFunction]:
    """Return every installed step that runs in a process of its own."""
    return steps_of(_entries_of(STEPS))


def steps_of(entries: metadata.EntryPoints) -> PluginSet[StepFunction]:
    """Load the steps of entry points, but those with the names of steps that are driven."""
    taken = tuple(
        f"The step {entry.name!r} of {_owner_of(entry)} is left out: AutoLearn has a step of that "
        "name."
        for entry in entries
        if entry.name in DRIVEN
    )
    free = metadata.EntryPoints(entry for entry in entries if entry.name not in DRIVEN)
    loaded = load(STEPS, StepFunction, free)
    return PluginSet(loaded.found, loaded.problems + taken)


def find_estimator(name: str) -> Estimator:
    """Return the estimator of this name. Raises InputError; loads nothing else."""
    found: Estimator = _find(ESTIMATORS, Estimator, name)
    return found


def find_metric(name: str) -> Metric:
    """Return the metric of this name, such as recall or recall:yes. Raises InputError."""
    found: Metric = _find(METRICS, Metric, metric_and_class(name)[0])
    return found


def find_step(name: str) -> StepFunction:
    """Return the step of this name. Raises InputError."""
    found: StepFunction = _find(STEPS, StepFunction, name)
    return found


def is_ours(plugin: Estimator | Metric) -> bool:
    """Return whether a plug-in is AutoLearn's own."""
    group = ESTIMATORS if isinstance(plugin, Estimator) else METRICS
    return any(_owner_of(one) == "autolearn" for one in _entries_of(group).select(name=plugin.name))


@functools.cache
def _entries_of(group: str) -> metadata.EntryPoints:
    """Return the entry points of a group; looking through all distributions takes a while."""
    return metadata.entry_points(group=group)


@functools.cache
def _find(group: str, kind: type[T], name: str) -> T:
    """Load one entry point, once."""
    offer = load(group, kind, _entries_of(group).select(name=name))
    if name not in offer.found:
        lacking = wants_extra(name) if kind is Estimator else ""
        raise InputError(
            " ".join(offer.problems) or lacking or f"this worker has no {_word_of(kind)} {name!r}",
            advice="Install the package that brings it where the workers run.",
        )
    return offer.found[name]


def load(group: str, kind: type[T], entries: metadata.EntryPoints) -> PluginSet[T]:
    """Load entry points; those of our own distribution win over others of the same name."""
    found: dict[str, T] = {}
    owners: dict[str, str] = {}
    problems = []
    for entry in sorted(
        entries, key=lambda entry: (_owner_of(entry) != "autolearn", _owner_of(entry))
    ):
        owner = _owner_of(entry)
        if entry.name in found:
            if owner != owners[entry.name]:
                problems.append(
                    f"{owner} and {owners[entry.name]} both offer the {_word_of(kind)} "
                    f"{entry.name!r}; the one of {owners[entry.name]} is used."
                )
            continue
        try:
            found[entry.name] = _checked(entry, kind)
            owners[entry.name] = owner
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
            lacking = getattr(error, "name", "")  # both extras have LightGBM
            if owner == "autolearn" and entry.name in EXTRAS and lacking == "lightgbm":
                continue  # its extra is not installed
            problems.append(
                f"The {_word_of(kind)} {entry.name!r} of {owner} ({group}: {entry.value}) cannot "
                f"be loaded and is left out: {type(error).__name__}: {error}."
            )
    return PluginSet(found, tuple(problems))


def _checked(entry: metadata.EntryPoint, kind: type[T]) -> T:
    """Load an entry point and check its type."""
    loaded: Any = step_of(entry) if kind is StepFunction else entry.load()
    if not isinstance(loaded, kind):
        raise TypeError(f"it is a {type(loaded).__name__}, not an autolearn {kind.__name__}")
    if loaded.name != entry.name:
        raise ValueError(f"it calls itself {loaded.name!r}")
    if ":" in loaded.name:
        raise ValueError("a name has no colon: what follows one is a class")
    loaded.spec()
    checked: T = loaded
    return checked


def _owner_of(entry: metadata.EntryPoint) -> str:
    return _name_of(entry.dist) if entry.dist is not None else "an unnamed distribution"


@functools.cache
def _name_of(distribution: metadata.Distribution) -> str:
    """Return the name of a distribution; reading its metadata takes a while."""
    return distribution.name


def _word_of(kind: type[Estimator] | type[Metric] | type[StepFunction]) -> str:
    return {Estimator: "estimator", Metric: "metric"}.get(kind, "step")

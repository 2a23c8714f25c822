"""The names of estimators and metrics in a pipeline: workers must offer them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import metric_and_class, wants_extra
from autolearn.schemas.pipelines.faults import FaultList
from autolearn.schemas.pipelines.nearest import nearest
from autolearn.schemas.pipelines.order import StepDraft
from autolearn.schemas.pipelines.steps import Path, Unresolved
from autolearn.schemas.values import JsonValue

_ESTIMATOR, _METRIC = "estimator", "metric"


class CatalogNames(NamedTuple):
    """The names that workers offer. Without any of a kind, none of that kind is checked."""

    estimators: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()


NOT_CHECKED = CatalogNames()


def check_catalog_names(
    drafts: Sequence[StepDraft],
    values: Mapping[str, Mapping[str, JsonValue]],
    offered: CatalogNames,
    faults: FaultList,
    below: str = "",
) -> None:
    """Record estimators and metrics that no worker offers.

    `values` are the parameters of steps with the pipeline's put in, by step.
    """
    for draft in drafts:
        for path, kind, given in _named(draft.kind, values[draft.name]):
            known = offered.estimators if kind == _ESTIMATOR else offered.metrics
            if not known or not isinstance(given, str) or isinstance(given, Unresolved):
                continue
            name = metric_and_class(given)[0] if kind == _METRIC else given
            if name not in known:
                at = (*draft.path, below or draft.kind, *path)
                faults.add(at, _unknown(kind, name, known))


def _unknown(kind: str, name: str, known: frozenset[str]) -> str:
    if kind == _ESTIMATOR and (words := wants_extra(name)):
        return words
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"there are {listed(sorted(known))}"
    return f"no worker offers the {kind} {cut(name, 60)!r}: {hint}"


def _named(kind: str, values: Mapping[str, JsonValue]) -> Iterator[tuple[Path, str, JsonValue]]:
    """Yield the names in a step's parameters: the path, the kind of name, and the name."""
    if kind == "train":
        yield ("estimator",), _ESTIMATOR, values.get("estimator")
        yield from _each("fold_metrics", values)
        candidates = values.get("candidates")
        for index, one in enumerate(candidates if isinstance(candidates, list) else ()):
            path: Path = ("candidates", index)
            if not isinstance(one, dict):
                yield path, _ESTIMATOR, one
                continue
            yield (*path, "estimator"), _ESTIMATOR, one.get("estimator")
            if isinstance(tune := one.get("tune"), dict):
                yield (*path, "tune", "metric"), _METRIC, tune.get("metric")
    if kind == "evaluate":
        yield from _each("metrics", values)
    if kind == "compare":
        yield ("by",), _METRIC, values.get("by")


def _each(name: str, values: Mapping[str, JsonValue]) -> Iterator[tuple[Path, str, JsonValue]]:
    given = values.get(name)
    for index, one in enumerate(given if isinstance(given, list) else ()):
        yield (name, index), _METRIC, one

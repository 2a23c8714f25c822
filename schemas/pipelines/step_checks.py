"""The checks of steps: their parameters with those of the pipeline put in, their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import metric_and_class, wants_extra
from autolearn.schemas.pipelines.faults import FaultList
from autolearn.schemas.pipelines.file_keys import KEEP_TABLE
from autolearn.schemas.pipelines.kinds import misfits
from autolearn.schemas.pipelines.nearest import nearest
from autolearn.schemas.pipelines.order import StepDraft
from autolearn.schemas.pipelines.references import References
from autolearn.schemas.pipelines.steps import PORT_WORDS, Path, StepSpec, Unresolved, object_faults
from autolearn.schemas.pipelines.train_step import split_misfits
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.values import JsonValue

_ESTIMATOR, _METRIC = "estimator", "metric"
_HINTED = 100
"""Unknown names for which a similar one is looked for: of faults, as many are listed."""


class CatalogNames(NamedTuple):
    """The names that workers offer. Without any of a kind, none of that kind is checked."""

    estimators: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()


NOT_CHECKED = CatalogNames()


def record(found: Iterator[tuple[Path, str]], below: Path, faults: FaultList) -> None:
    """Record faults that were found below a path."""
    for path, why in found:
        faults.add((*below, *path), why)


def check_name(kind: str, name: JsonValue, path: Path, faults: FaultList) -> None:
    """Record a name that a thing of a kind cannot have."""
    if isinstance(name, str) and not KINDS[kind].fits(name):
        what = f"{cut(name, 60)!r} cannot be the name of a {kind}"
        faults.add(path, f"{what}: {KINDS[kind].words}")


def unknown_kind(kind: str, kinds: Mapping[str, StepSpec]) -> str:
    """Return a sentence about a kind of step that is not in the catalog."""
    if near := nearest(kind, kinds):
        return f"no worker offers a step {cut(kind, 60)!r}: did you mean {near}?"
    return (
        f"no worker offers a step {cut(kind, 60)!r}: a step of a package has to be installed where "
        f"the workers run; there are {listed(sorted(kinds))}"
    )


def check_step(
    draft: StepDraft, references: References, faults: FaultList, below: str = ""
) -> dict[str, JsonValue]:
    """Return the parameters of a step with the pipeline's put in, and record their faults."""
    path = (*draft.path, below or draft.kind)
    values: dict[str, JsonValue] = references.put_in(draft.parameters, path)
    keep = references.put_in(draft.keys.get("keep", ""), (*draft.path, "keep"))
    if isinstance(keep, str) and keep and not isinstance(keep, Unresolved):
        _check_keep(keep, draft, faults)
    spec = draft.spec
    if spec is None:
        return values
    record(object_faults(spec.parameters, values, draft.kind), path, faults)
    given = [name for name in spec.one_of if name in values]
    if spec.one_of and len(given) != 1:
        but = f"not {' and '.join(given)}" if given else "which is missing"
        faults.add(path, f"{draft.kind} has one of {', '.join(spec.one_of)}: {but}")
    record(misfits(draft.kind, values), path, faults)
    return values


def check_forecasts(
    drafts: Sequence[StepDraft],
    values: Mapping[str, Mapping[str, JsonValue]],
    inputs: Mapping[str, tuple[str, ...]],
    faults: FaultList,
    below: str = "",
) -> None:
    """Record what is wrong in the splits that forecasts are trained on.

    `values` are the parameters of steps with the pipeline's put in, `inputs` the steps that each
    takes, both by step.
    """
    splits = {one.name: one for one in drafts if one.kind == "split"}
    for draft in drafts:
        target = values[draft.name].get("target")
        if draft.kind != "train" or not isinstance(target, dict):
            continue
        for name in inputs.get(draft.name, ()):
            if (split := splits.get(name)) is not None:
                for key, why in split_misfits(values[name], target):
                    faults.add((*split.path, below or split.kind, key), why)


def _check_keep(keep: str, draft: StepDraft, faults: FaultList) -> None:
    path = (*draft.path, "keep")
    name = keep.removeprefix(KEEP_TABLE)
    if name == keep:
        faults.add(
            path, f"keep is {KEEP_TABLE}NAME, such as {KEEP_TABLE}cleaned; got {cut(keep, 60)!r}"
        )
        return
    check_name("dataset", name, path, faults)
    if draft.spec is not None and draft.spec.gives not in ("table", "split"):
        gives = PORT_WORDS[draft.spec.gives]
        faults.add(path, f"{draft.kind} gives {gives}, and only a table is kept as a dataset")


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
    unknown = 0
    for draft in drafts:
        for path, kind, given in _named(draft.kind, values[draft.name]):
            known = offered.estimators if kind == _ESTIMATOR else offered.metrics
            if not known or not isinstance(given, str) or isinstance(given, Unresolved):
                continue
            name = metric_and_class(given)[0] if kind == _METRIC else given
            if name not in known:
                unknown += 1
                words = f"no worker offers the {kind} {cut(name, 60)!r}"
                if unknown <= _HINTED:  # to look for similar names takes a while
                    words = _unknown(kind, name, known)
                faults.add((*draft.path, below or draft.kind, *path), words)


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

"""Tables of trainings and evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType

from autolearn.client.cli.output import pairs, rows, short, shortened, when
from autolearn.client.cli.run_progress import phase_of
from autolearn.client.cli.tables.annotations import said_of
from autolearn.client.cli.tables.plots import plots, spark
from autolearn.schemas.catalog import CLASSIFICATION
from autolearn.schemas.feature_columns import LEFT_OUT
from autolearn.schemas.rest.runs import Evaluation, Prediction, Training
from autolearn.schemas.training.preprocess import in_words

_SHOWN_APART = (
    *("warnings", "rows_without_target", "features"),
    *("importances", "column_importances", "coefficients", "loss", "threshold"),
    *("duplicate_rows", "class_rows", "class_weights", "features_before_selection"),
)
_MOST_IMPORTANT = 5
_MOST_LABELS = 12
"""Classes of a confusion matrix that is shown as a table."""
_FIRST = ("class", "precision", "recall", "f1", "support", "note")
"""The first columns of a table of classes: results have theirs in any order."""


def trainings(found: Iterable[Training]) -> RenderableType:
    """Return trainings, a line each; who asked for them is said if several did."""
    found = list(found)
    by = ("by",) if len({one.actor for one in found}) > 1 else ()
    lines = [
        [
            short(one.id),
            one.estimator,
            "imported" if one.imported else one.dataset.name,
            *(one.actor for _ in by),
            _state(one),
            _settings(one),
        ]
        for one in found
    ]
    heads = ["training", "estimator", "data", *by, "status", "settings"]
    if any(one.tags for one in found):
        heads.insert(2, "tags")
        for line, one in zip(lines, found, strict=True):
            line.insert(2, ", ".join(one.tags))
    return rows(heads, lines, leave=("data", "tags", "settings"), wraps=("tags", "settings"))


def evaluations(found: Iterable[Evaluation]) -> RenderableType:
    """Return evaluations, a line each."""
    lines = [
        (
            short(one.id),
            short(one.training),
            _measured_on(one),
            _state(one),
            ", ".join(
                f"{metric_title(one, name)} {_score(value)}" for name, value in plain_results(one)
            ),
        )
        for one in found
    ]
    return rows(("evaluation", "training", "on", "status", "results"), lines)


def predictions(found: Iterable[Prediction]) -> RenderableType:
    """Return predictions, a line each."""
    lines = [
        (
            short(one.id),
            short(one.training),
            f"{one.dataset.name} (sent)" if one.sent else one.dataset.name,
            one.rows,
            _state(one),
            when(one.kept_until),
        )
        for one in found
    ]
    return rows(
        ("prediction", "training", "of", "rows", "status", "kept until"),
        lines,
        leave=("kept until",),
        wraps=(),
    )


def training(one: Training) -> RenderableType:
    """Return a training in detail."""
    unknown = one.unreadable or one.imported
    about = pairs(
        {
            "training": one.id,
            "estimator": f"{one.estimator} ({one.library_version})",
            "data": (
                "imported" if one.imported else f"{one.dataset.name}@{short(one.dataset.version)}"
            )
            + ("" if one.target is None else f", target {one.target}"),
            "features": _cut(", ".join(one.features), 400),
            "left out": _cut(_left_out(one.left_out), 400),
            "split": "" if unknown else split_in_words(one),
            "folds": f"{one.split.folds}, of the rows to train" if one.split.folds else "",
            "weights": one.weight,
            "settings": _cut(_hyperparameters(one), 400),
            "preprocessing": "" if unknown else _joined(in_words(one.preprocessing)),
            "features kept": _kept(one.parameters),
            "threshold": threshold_in_words(one.parameters.get("threshold")),
            "status": phase_of(one),
            "reason": f"{one.reason}: {one.detail}" if one.reason else "",
            "rows": _rows_of(one),
            "fitted on": _fitted_on(one.parameters),
            "fit": None if one.fit_seconds is None else f"{one.fit_seconds:.3f} s",
            "processor": None if one.cpu_seconds is None else f"{one.cpu_seconds:.3f} s",
            "most important": _most_important(one.parameters),
            "coefficients": _largest_coefficients(one.parameters),
            **_losses(one.parameters.get("loss")),
            "learned": _learned(one.parameters, 400),
            "warnings": "\n".join(one.parameters.get("warnings", ())),
            "artifact": one.artifact and short(one.artifact.digest),
            **said_of(one),
        }
    )
    if not one.cross_validation:
        return about
    lines = [
        (name, _score(of.mean), f"± {_score(of.deviation)}", " ".join(map(_score, of.values)))
        for name, of in one.cross_validation.items()
    ]
    return Group(about, "", rows(("cross-validation", "mean", "deviation", "folds"), lines))


def split_in_words(one: Training) -> str:
    """Return which rows of a training were held out."""
    split = one.split
    share = f"{split.test * 100:.3g} %"
    match split.kind:
        case "time":
            said = [f"the latest {share} held out by {split.column}"]
        case "group":
            said = [f"{share} held out, whole groups of {split.column}", f"seed {one.seed}"]
        case "column":
            said = [f"held out as {split.column} says"]
        case "hash":
            row = "the row" if split.whole else "the row number"
            by = f"by the hash of {split.column or row}"
            said = [f"{share} held out {by}", f"seed {one.seed}"]
        case "random":
            balanced = ["stratified"] if split.stratify and one.task == CLASSIFICATION else []
            said = [f"{share} held out", *balanced, f"seed {one.seed}"]
    return ", ".join(said)


def _left_out(columns: Mapping[str, str]) -> str:
    """Return the columns that are no features, with the reasons."""
    return ", ".join(f"{name} ({LEFT_OUT.get(why, why)})" for name, why in columns.items())


def _rows_of(one: Training) -> str:
    if not one.rows_train:
        return ""
    without = one.parameters.get("rows_without_target")
    left = f", {without} without a target left out" if without else ""
    return f"{one.rows_train} to train, {one.rows_test} held out{left}"


def _fitted_on(found: Mapping[str, Any]) -> str:
    """Return which training rows were fitted on, and with which weights, where that was chosen."""
    dropped, classes = found.get("duplicate_rows"), found.get("classes", ())
    said = [] if dropped is None else [f"{dropped} repeated rows left out"]
    rows_of = zip(classes, found.get("class_rows", ()), strict=False)
    said += [f"{rows} rows of {name}" for name, rows in rows_of]
    weights = zip(classes, found.get("class_weights", ()), strict=False)
    said += [f"{name} weighs {weight:.3g}" for name, weight in weights]
    return _cut(", ".join(said), 400)


def _kept(found: Mapping[str, Any]) -> str:
    """Return how many features the selection has kept."""
    if not (before := found.get("features_before_selection")):
        return ""
    features = found["features"]
    kept = features["shape"][0] if isinstance(features, dict) else len(features)
    return f"{kept} of {before}"


def _measured_on(one: Evaluation) -> str:
    if one.held_out:
        return "held-out rows"
    return f"{one.dataset.name}{' (held out)' * (one.held_out_by is not None)}"


def evaluation(one: Evaluation) -> RenderableType:
    """Return an evaluation in detail."""
    by = one.held_out_by
    about = pairs(
        {
            "evaluation": one.id,
            "training": one.training,
            "on": f"{one.dataset.name}@{short(one.dataset.version)}"
            + (", held-out rows" if one.held_out else "")
            + (f", rows held out by {short(by.training)}" if by else ""),
            "rows": one.rows,
            "status": phase_of(one),
            "reason": f"{one.reason}: {one.detail}" if one.reason else "",
            "notes": "\n".join(one.notes),
            "never seen": ", ".join(f"{name} in {n:,} rows" for name, n in one.unseen.items()),
        }
    )
    parts: list[RenderableType] = [about]
    if one.results:
        parts += ["", _results(one)]
    for value in one.results.values():
        if is_table(value):
            parts += ["", _table(value)]
        elif _is_matrix(value):
            parts += ["", _matrix(value)]
    if one.plot_data:
        parts += ["", plots(one.plot_data)]
    if one.left_out:
        parts += ["", rows(("left out", "why"), list(one.left_out.items()))]
    return Group(*parts)


def _results(one: Evaluation) -> RenderableType:
    """Return a line per metric, with the baseline's result beside it."""
    if not one.baseline:
        return rows(
            ("metric", "result"),
            [(metric_title(one, n), _score(v, 400)) for n, v in plain_results(one)],
        )
    always = one.baseline_prediction
    head = "baseline" if always is None else f"always {_score(always, 30)}"
    lines = [
        (
            metric_title(one, name),
            _score(value, 400),
            _score(one.baseline.get(name)),
            "not better" if name in one.not_better else "",
        )
        for name, value in plain_results(one)
    ]
    return rows(("metric", "result", head, ""), lines)


def plain_results(one: Evaluation) -> list[tuple[str, Any]]:
    """Return the results that fit on a line each."""
    return [
        (name, value)
        for name, value in one.results.items()
        if not is_table(value) and not _is_matrix(value)
    ]


def _is_matrix(value: object) -> bool:
    """Return whether a result is a confusion matrix that a terminal can show."""
    return isinstance(value, dict) and 0 < len(value.get("labels", ())) <= _MOST_LABELS


def _matrix(value: Mapping[str, Any]) -> RenderableType:
    """Return a line per true class, with the rows that were taken for each class."""
    lines = [
        (label, *counts) for label, counts in zip(value["labels"], value["matrix"], strict=True)
    ]
    return rows(("true class", *(f"as {label}" for label in value["labels"])), lines)


def is_table(value: object) -> bool:
    """Return whether a result has a line per class."""
    return isinstance(value, list) and all(isinstance(line, dict) for line in value)


def _table(lines: list[dict[str, Any]]) -> RenderableType:
    heads = list(dict.fromkeys(name for line in lines for name in line))
    heads.sort(key=lambda name: (name not in _FIRST, _FIRST.index(name) if name in _FIRST else 0))
    shown = [[_score(line.get(head, ""), 400) for head in heads] for line in lines]
    return rows(heads, shown)


def metric_title(one: Evaluation, name: str) -> str:
    """Return the name of a metric with the aggregation of its result."""
    over = one.averages.get(name, "")
    return f"{name} {over}" if over.startswith("of ") else f"{name} ({over})" if over else name


def scores(trained: Iterable[Training], evaluated: Iterable[Evaluation]) -> RenderableType:
    """Return a line per training with the results on its held-out rows."""
    results = {one.training: one.results for one in evaluated if one.held_out}
    found = sorted(
        {
            name
            for result in results.values()
            for name, value in result.items()
            if not is_table(value) and not _is_matrix(value)
        }
    )
    lines = [
        (
            one.estimator,
            *(_score(results.get(one.id, {}).get(name)) for name in found),
            one.rows_train,
            one.rows_test,
            None if one.fit_seconds is None else f"{one.fit_seconds:.3f}",
            short(one.id),
        )
        for one in trained
    ]
    return rows(("estimator", *found, "train rows", "held out", "fit s", "training"), lines)


def _state(one: Training | Evaluation | Prediction) -> str:
    """Return the state of a run, and why it failed."""
    return f"{phase_of(one)}: {one.reason}" if one.reason else phase_of(one)


def _hyperparameters(one: Training) -> str:
    """Return the requested hyperparameters, calibration and threshold."""
    words = [f"{name}={shortened(value)}" for name, value in one.hyperparameters.items()]
    chosen = (
        ("calibrate", one.calibrate),
        ("threshold", one.threshold),
        ("batches", one.batches or None),
    )
    return ", ".join([*words, *(f"{name}={value}" for name, value in chosen if value is not None)])


def _settings(one: Training) -> str:
    """Return the settings that differ from the estimator's and the system's defaults."""
    return _cut(_joined([_hyperparameters(one), *in_words(one.preprocessing, changed=True)]), 60)


def _joined(words: Iterable[str]) -> str:
    return " · ".join(filter(None, words))


def threshold_in_words(found: Mapping[str, Any] | None) -> str:
    """Return from which probability on a class is predicted, and by which metric."""
    if not found:
        return ""
    said = f"{found['class']} from a probability of {_score(found['value'])} on"
    if "metric" not in found:
        return said
    return (
        f"{said} ({found['metric']} {_score(found['score'])} on {found['rows']:,} validation rows)"
    )


def _losses(found: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the loss of training rows, and of validation rows, as sparklines."""
    if not found:
        return {}
    last, said = found["iterations"][-1], {}
    for name, head in (("training", "loss"), ("validation", "validation")):
        if values := [value for value in found.get(name, ()) if value is not None]:
            words = f"{_score(values[0])} to {_score(values[-1])} after {last} iterations"
            said[head] = f"{words}  {spark(values[:: -(-len(values) // 24)])}"
    return said


def _most_important(parameters: Mapping[str, Any]) -> str:
    """Return the columns on which a model's trees split most, with their shares."""
    found = parameters.get("column_importances", ())
    whole = sum(value for _, value in found) or 1
    return _first(f"{name} {value / whole:.0%}" for name, value in found)


def _largest_coefficients(parameters: Mapping[str, Any]) -> str:
    """Return the features of a linear model with the largest coefficients."""
    found, names = parameters.get("coefficients"), parameters.get("features")
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], list):
        (found,) = found
    if not isinstance(found, list) or not isinstance(names, list) or isinstance(found[0], list):
        return ""
    ranked = sorted(zip(names, found, strict=True), key=lambda pair: -abs(pair[1] or 0))
    return _first(f"{name} {_score(value)}" for name, value in ranked)


def _first(words: Iterable[str]) -> str:
    shown = list(words)
    more = f" and {len(shown) - _MOST_IMPORTANT} more" if len(shown) > _MOST_IMPORTANT else ""
    return ", ".join(shown[:_MOST_IMPORTANT]) + more


def _learned(parameters: Mapping[str, Any], length: int = 60) -> str:
    """Return the learned parameters of few values, shortened."""
    words = (
        f"{name}={shortened(value, length // 2)}"
        for name, value in parameters.items()
        if name not in _SHOWN_APART
    )
    return _cut(", ".join(words), length)


def _score(value: Any, length: int = 40) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return _cut(value, length)
    return f"{value:.4f}" if isinstance(value, float) else shortened(value, length)


def _cut(words: str, length: int) -> str:
    """Return a text, cut at `length` characters."""
    return words if len(words) <= length else f"{words[: length - 1]}…"

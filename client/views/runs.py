"""How trainings and evaluations look as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from autolearn.client import resources as r
from autolearn.client.board import phase_of
from autolearn.client.output import pairs, rows, short, shortened

__all__ = ["evaluation", "evaluations", "scores", "training", "trainings"]


def trainings(found: Iterable[r.Training]) -> Table:
    """Return trainings, a line each."""
    lines = [
        (
            short(one.id),
            one.model,
            one.dataset.name,
            settings(one),
            state(one),
            learned(one.parameters),
        )
        for one in found
    ]
    return rows(("training", "model", "data", "settings", "status", "learned"), lines)


def evaluations(found: Iterable[r.Evaluation]) -> Table:
    """Return evaluations, a line each."""
    lines = [
        (
            short(one.id),
            short(one.training),
            "held-out rows" if one.held_out else one.dataset.name,
            state(one),
            ", ".join(f"{name} {score(value)}" for name, value in one.results.items()),
        )
        for one in found
    ]
    return rows(("evaluation", "training", "on", "status", "results"), lines)


def training(one: r.Training) -> RenderableType:
    """Return all about a training."""
    return pairs(
        {
            "training": one.id,
            "model": f"{one.model} ({one.library_version})",
            "data": f"{one.dataset.name}@{short(one.dataset.version)}, target {one.target}",
            "settings": settings(one, 400),
            "status": phase_of(one),
            "reason": f"{one.reason}: {one.detail}" if one.reason else "",
            "rows": f"{one.rows_train} to train, {one.rows_test} held out"
            if one.rows_train
            else "",
            "fit": None if one.fit_seconds is None else f"{one.fit_seconds:.3f} s",
            "learned": learned(one.parameters, 400),
            "artifact": one.artifact and short(one.artifact.digest),
        }
    )


def evaluation(one: r.Evaluation) -> RenderableType:
    """Return all about an evaluation."""
    about = pairs(
        {
            "evaluation": one.id,
            "training": one.training,
            "on": f"{one.dataset.name}@{short(one.dataset.version)}"
            + (", held-out rows" if one.held_out else ""),
            "rows": one.rows,
            "status": phase_of(one),
            "reason": f"{one.reason}: {one.detail}" if one.reason else "",
        }
    )
    lines = [(name, score(value, 400)) for name, value in one.results.items()]
    return Group(about, "", rows(("metric", "result"), lines)) if lines else about


def scores(trained: Iterable[r.Training], evaluated: Iterable[r.Evaluation]) -> Table:
    """Return a line per training with what was measured of it on its held-out rows."""
    results = {one.training: one.results for one in evaluated if one.held_out}
    found = sorted({name for result in results.values() for name in result})
    lines = [
        (
            one.model,
            *(score(results.get(one.id, {}).get(name)) for name in found),
            one.rows_train,
            one.rows_test,
            None if one.fit_seconds is None else f"{one.fit_seconds:.3f}",
            short(one.id),
        )
        for one in trained
    ]
    return rows(("model", *found, "train rows", "held out", "fit s", "training"), lines)


def state(one: r.Training | r.Evaluation) -> str:
    """Return how far a run is, and why it failed."""
    return f"{phase_of(one)}: {one.reason}" if one.reason else phase_of(one)


def settings(one: r.Training, length: int = 60) -> str:
    """Return what was asked of a training, the model's defaults aside."""
    given = ", ".join(f"{name}={shortened(value)}" for name, value in one.hyperparameters.items())
    pre = one.preprocessing
    words = f"test={one.split.test:g}, seed={one.seed}, {pre.impute}/{pre.scale}/{pre.encode}"
    return cut(f"{given}, {words}" if given else words, length)


def learned(parameters: Mapping[str, Any], length: int = 60) -> str:
    """Return what a model has learned, shortened."""
    words = (f"{name}={shortened(value, length // 2)}" for name, value in parameters.items())
    return cut(", ".join(words), length)


def score(value: Any, length: int = 40) -> str:
    """Return the result of a metric."""
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else shortened(value, length)


def cut(words: str, length: int) -> str:
    """Return words, cut at `length` characters."""
    return words if len(words) <= length else f"{words[: length - 1]}…"

"""Finds experiments by what they keep: one after the other, the newest commit first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from autolearn.api.http.problems import Problem
from autolearn.api.services.experiments.where import Condition
from autolearn.api.shared.as_of import LOST_PLUS
from autolearn.projections.queries.compared_runs import (
    TrainingToCompare,
    figure_name,
    runs_to_compare,
)
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.timestamps import millis
from autolearn.schemas.rest.experiments import ExperimentRow
from autolearn.schemas.values import NO_RUN, DatasetRef, JsonValue, RunId

_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Search(Struct, frozen=True):
    """What an experiment must have: all of it.

    One training must be of the estimator, and fulfil all conditions. `since` is a time in
    milliseconds; each of the `words` must be in the title, a note or a tag of the experiment or of
    one of its trainings.
    """

    where: tuple[Condition, ...] = ()
    estimator: str = ""
    dataset: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    since: int | None = None
    words: tuple[str, ...] = ()

    @property
    def reads(self) -> bool:
        """Whether the content of an experiment must be read."""
        return bool(self.where or self.estimator or self.dataset or self.tags or self.words)

    def is_past(self, row: ExperimentRow) -> bool:
        """Return whether an experiment, and so all older ones, was committed too early."""
        return self.since is not None and millis(row.committed) < self.since

    def find(self, snapshot: Snapshot, row: ExperimentRow) -> ExperimentRow | None:
        """Return an experiment with the trainings that match; None if it does not (decrypts)."""
        if self.owner and row.actor != self.owner:
            return None
        if not self.reads:
            return row
        if row.unreadable or not self._has_tags(snapshot, row):
            return None
        if self.dataset and not any(_is(self.dataset, ref) for ref in row.training_data):
            return None
        if self.words and not self._has_words(snapshot, row):
            return None
        if not (self.where or self.estimator):
            return row
        trainings = _figures_of(snapshot, row)
        matches = tuple(run for run, one in trainings.items() if self._fits(*one))
        return replace(row, matches=matches) if matches else None

    def _fits(self, training: TrainingToCompare, figures: Mapping[str, float]) -> bool:
        if self.estimator and training.request.estimator != self.estimator:
            return False
        return all(one.holds(figures) for one in self.where)

    def _has_tags(self, snapshot: Snapshot, row: ExperimentRow) -> bool:
        """Return whether an experiment has all tags, its own and those of its trainings."""
        left = {*self.tags}.difference(row.tags)
        return not left or left.issubset(
            tag for run in row.trainings for tag in snapshot.annotations.of(row.id, run).tags
        )

    def _has_words(self, snapshot: Snapshot, row: ExperimentRow) -> bool:
        said = [snapshot.annotations.of(row.id, run) for run in (NO_RUN, *row.trainings)]
        texts = [row.title, *(tag for one in said for tag in one.tags)]
        texts += [note.text for one in said for note in one.notes]
        found = "\n".join(texts).casefold()
        return all(word.casefold() in found for word in self.words)


def _figures_of(
    snapshot: Snapshot, row: ExperimentRow
) -> dict[RunId, tuple[TrainingToCompare, dict[str, float]]]:
    """Return the trainings of an experiment with their figures, by the names in comparisons.

    The scores are those of the newest evaluation on held-out rows.
    """
    found: dict[RunId, tuple[TrainingToCompare, dict[str, float]]] = {}
    for run in runs_to_compare(snapshot, row.id):
        snapshot.rows.looked += 1
        if isinstance(run, TrainingToCompare):
            figures = {f"{name} (logged)": value for name, value in run.said.logged.items()}
            if run.fitted is not None:
                folds = run.fitted.cross_validation
                figures |= {f"{name} (folds)": scores.mean for name, scores in folds.items()}
                figures["fit_seconds"] = run.fitted.fit_seconds
                if run.fitted.cpu_seconds is not None:
                    figures["cpu_seconds"] = run.fitted.cpu_seconds
            found[run.run] = run, figures
        elif run.asked.held_out:
            for name, value in run.measured.results.items():
                if _is_number(value):
                    column = figure_name(name, run.measured.averages.get(name, ""))
                    found[run.training][1][column] = value
    return found


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is(dataset: str, ref: DatasetRef) -> bool:
    """Return whether a dataset is meant by NAME, or NAME@VERSION with the start of the version."""
    name, _, version = dataset.partition("@")
    return ref.name == name and ref.version.startswith(version)


def time_of(given: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    """Return a time, or how long ago it is (7d, 12h), in milliseconds since 1970.

    Raises:
        Problem: it is neither.
    """
    try:
        if span := _SPAN.fullmatch(given):
            ago = timedelta(**{_UNITS[span[2]]: float(span[1])})
            return millis((now() - ago).isoformat())
        return millis(LOST_PLUS.sub(r"\1+\2", given))
    except (ValueError, OverflowError):
        detail = (
            f"{given[:60]!r} is no time: give one with a zone (RFC 3339), or such as 7d or 12h."
        )
        errors = [{"parameter": "since", "detail": detail}]
        title = "The time cannot be used"
        raise Problem(422, "invalid-since", title, detail, errors=errors) from None

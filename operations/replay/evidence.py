"""Holds the evidence of promotions against the evaluations on the log."""

from __future__ import annotations

from typing import NamedTuple

from autolearn.projections.queries.evaluations import figures_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.models.promotion import GateEvidence, VersionMetric
from autolearn.schemas.rest.models import ModelChange
from autolearn.schemas.rest.runs import EvaluationRow


class EvidenceCheck(NamedTuple):
    """How many values of promotions were `checked`, and how many could not be read any more.

    `wrong` says of each that differs what the log says. `unchecked` is why none was looked at.
    """

    checked: int
    unreadable: int
    wrong: list[str]
    unchecked: str = ""


def check_evidence(snapshot: Snapshot) -> EvidenceCheck:
    """Compare each value on which a promotion was decided with its evaluation.

    What cannot be read is of an experiment that was deleted since, or its key is not here.
    """
    checked = unreadable = 0
    wrong: list[str] = []
    for name in snapshot.models.names():
        for change in snapshot.models.timeline(name, ""):
            for requirement, measured in _values_of(change):
                row = _evaluation_of(snapshot, name, measured)
                if row is None:
                    unreadable += 1
                    continue
                checked += 1
                if words := _difference(requirement, measured, row):
                    about = f"{name}@{measured.version}, promotion {change.number}"
                    wrong.append(f"{about}: {words}")
    return EvidenceCheck(checked, unreadable, wrong)


def _values_of(change: ModelChange) -> list[tuple[GateEvidence, VersionMetric]]:
    """Return the values of a promotion, each with what it is to show."""
    both = ((one, (one.candidate, one.other)) for one in change.evidence)
    return [(one, value) for one, values in both for value in values if value is not None]


def _evaluation_of(snapshot: Snapshot, name: str, measured: VersionMetric) -> EvaluationRow | None:
    """Return the evaluation that a value is of, if it can be read."""
    version = snapshot.models.version(name, measured.version)
    if version is None:
        return None
    row = snapshot.runs.get(version.experiment, "evaluation", measured.evaluation)
    fits = isinstance(row, EvaluationRow) and not row.unreadable
    return row if fits and isinstance(row, EvaluationRow) else None


def _difference(of: GateEvidence, measured: VersionMetric, row: EvaluationRow) -> str:
    """Return how an evaluation differs from a value that was taken from it, "" if it does not."""
    metric = of.requirement.metric
    recorded = figures_of(row).get(metric)
    if recorded != measured.value:
        return f"{metric} was given as {measured.value!r}, and its evaluation says {recorded!r}"
    if not row.dataset.is_content_of(measured.dataset) or row.rows_sha256 != measured.rows_sha256:
        return f"{metric} was measured on other rows than its promotion says"
    return ""

"""What a promotion requires, and what was measured of the versions that it compares."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from autolearn.api.http.problems import Problem
from autolearn.api.shared.models.checks import require_experiment, version_of
from autolearn.projections.queries.evaluations import evaluations_of, figures_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.models.promotion import Comparison, GateEvidence, Requirement, VersionMetric
from autolearn.schemas.rest.models import ModelVersionRow
from autolearn.schemas.rest.runs import EvaluationRow

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?"
_REQUIREMENT = re.compile(
    rf"\s*(?P<metric>[^\s<>=]+)\s*(?P<comparison>>=|<=|>|<)\s*(?:(?P<number>{_NUMBER})"
    rf"|(?P<alias>[a-z][a-z0-9._-]*)(?:\s*(?P<sign>[-+])\s*(?P<plus>{_NUMBER}))?)\s*",
    re.IGNORECASE,
)
_COMPARISONS: dict[str, Comparison] = {">=": ">=", ">": ">", "<=": "<=", "<": "<"}


def requirement_in(words: str, pointer: str) -> Requirement:
    """Return the requirement that words say, such as `f1 >= champion + 0.01`.

    Raises:
        Problem: they say none (422).
    """
    found = _REQUIREMENT.fullmatch(words)
    plus = float(found["number"] or found["plus"] or 0.0) if found else 0.0
    if found is None or not math.isfinite(plus):
        detail = (
            f"{words[:200]!r} is no requirement: write METRIC, one of >= > <= <, and a number, or "
            "an alias with a number added, such as `f1 >= champion + 0.01`"
        )
        errors = [{"pointer": pointer, "detail": detail}]
        raise Problem(
            422, "invalid-body", "The requirement cannot be read", f"{detail}.", errors=errors
        )
    if found["sign"] == "-":
        plus = -plus
    comparison = _COMPARISONS[found["comparison"]]
    return Requirement(found["metric"], comparison, found["alias"] or "", plus)


class _Side(NamedTuple):
    """A version of a comparison, with its evaluations, the newest first."""

    version: ModelVersionRow
    evaluations: list[EvaluationRow]

    def measured(self, metric: str) -> list[VersionMetric]:
        """Return its values of a metric, the newest first."""
        return [
            VersionMetric(
                self.version.version, one.id, figures[metric], one.dataset, one.rows_sha256
            )
            for one in self.evaluations
            if metric in (figures := figures_of(one))
        ]


def evidence_for(
    snapshot: Snapshot, model: str, version: int, required: list[Requirement]
) -> tuple[GateEvidence, ...]:
    """Return the evidence for each requirement: the newest values on the same rows (decrypts).

    The decider checks it: what was not measured on the same rows is given to it as it is.

    Raises:
        Problem: an alias is unknown, or a version was not evaluated by a metric (422); or as
        `require_experiment`.
    """
    sides: dict[int, _Side] = {}

    def side(number: int) -> _Side:
        if number not in sides:
            row = snapshot.models.version(model, number)
            assert row is not None, "it was found at this moment"
            require_experiment(row)
            found = list(evaluations_of(snapshot, row.experiment, row.training))
            sides[number] = _Side(row, found)
        return sides[number]

    evidence = []
    for index, one in enumerate(required):
        pointer = f"#/require/{index}"
        mine = _measured(model, side(version), one.metric, pointer)
        if not one.alias:
            evidence.append(GateEvidence(one, mine[0]))
            continue
        other = version_of(snapshot, model, one.alias, pointer)
        theirs = _measured(model, side(other), one.metric, pointer)
        pairs = ((a, b) for a in mine for b in theirs if a.is_on_rows_of(b))
        candidate, beside = next(pairs, (mine[0], theirs[0]))
        evidence.append(GateEvidence(one, candidate, beside))
    return tuple(evidence)


def _measured(model: str, of: _Side, metric: str, pointer: str) -> list[VersionMetric]:
    """Return the values of a metric of a version. Raises a Problem if it has none."""
    if found := of.measured(metric):
        return found
    known = sorted({name for one in of.evaluations for name in figures_of(one)})
    told = f"it has {', '.join(known[:20])}" if known else "it was not evaluated"
    name = f"{model}@{of.version.version}"
    data = " --dataset NAME" if of.version.imported else ""
    detail = (
        f"{name} was not measured by {metric!r} ({told}): `autolearn evaluate {name}{data} "
        f"--metrics {metric}` measures it"
    )
    errors = [{"pointer": pointer, "detail": detail}]
    raise Problem(
        422, "evidence-missing", "What is required was not measured", f"{detail}.", errors=errors
    )

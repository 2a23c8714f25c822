"""How the plan of a new artifact compares with scikit-learn on the held-out rows: `plan.json`.

Only the run of a training has these rows at hand, so it writes into the artifact how they compare.
A process that loads the artifact in the same environment believes it, and compares fewer rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from autolearn.ml.environment import environment_now
from autolearn.ml.plans.plan import NoPlan, PlanComparison, compared, compiled
from autolearn.schemas.values import JsonValue

if TYPE_CHECKING:
    import pandas as pd

PLAN = "plan.json"
_MOST = 1_000
"""Held-out rows that are compared, and as many with gaps."""


class HeldOutCheck(msgspec.Struct, frozen=True):
    """`plan.json`: how a plan compares for held-out rows, or why there is none."""

    comparison: PlanComparison | None = None
    reason: str = ""


def checked(pipeline: Any, held_out: pd.DataFrame) -> JsonValue:
    """Return `plan.json` of a fitted pipeline; the first of the held-out rows are compared."""
    try:
        plan = compiled(pipeline)
    except NoPlan as error:
        return msgspec.to_builtins(HeldOutCheck(reason=str(error)))
    found = compared(plan, pipeline, held_out.head(_MOST), alone=())
    return msgspec.to_builtins(HeldOutCheck(found))


def comparison_in(artifact: Path) -> PlanComparison | None:
    """Return how the plan compared for held-out rows, as an artifact's folder says.

    None: the artifact is older than plans, has none, or was made in another environment.
    """
    if not (artifact / PLAN).exists():
        return None
    used = msgspec.json.decode((artifact / "environment.json").read_bytes())
    if used != environment_now(used["libraries"]):
        return None
    return msgspec.json.decode((artifact / PLAN).read_bytes(), type=HeldOutCheck).comparison

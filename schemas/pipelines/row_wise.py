"""The row-wise steps before a table: a model keeps those before its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from autolearn.schemas.pipelines.definition import Definition, Step
from autolearn.schemas.pipelines.steps import StepSpec


class RowWiseSteps(NamedTuple):
    """Row-wise steps in their order, and the step whose table the first of them takes."""

    steps: tuple[Step, ...]
    base: str


def row_wise_before(
    definition: Definition, kinds: Mapping[str, StepSpec], name: str
) -> RowWiseSteps:
    """Return the row-wise steps up to the step of a name, back to the last one that is none.

    A step that needs other rows (windows, duplicates) ends the chain; a split changes no row.
    """
    steps = {one.name: one for one in definition.steps}
    found: list[Step] = []
    while True:
        step = steps[name]
        spec = kinds.get(step.kind)
        if step.kind != "split":
            if spec is None or not _is_row_wise(spec, step) or len(step.inputs) != 1:
                return RowWiseSteps(tuple(reversed(found)), name)
            found.append(step)
        name = step.inputs[0]


def _is_row_wise(spec: StepSpec, step: Step) -> bool:
    """Return whether a step with its parameters makes each row from one row."""
    return spec.row_wise and not {*spec.needs_rows} & {*step.parameters}

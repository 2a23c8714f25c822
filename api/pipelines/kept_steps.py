"""The row-wise steps before a training: they are kept in its artifact, before the features."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from autolearn.api.pipelines.run import ConductedRun
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import RequestStudy, RequestTraining
from autolearn.schemas.pipelines.definition import Step
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.training.row_steps import RowStep

C = TypeVar("C", bound=RequestTraining | RequestStudy)


class KeptSteps(NamedTuple):
    """The steps that a model keeps, and the table before them; () and None where there are none."""

    steps: tuple[RowStep, ...]
    table: DatasetSpec | None

    def asked_of(self, command: C) -> C:
        """Return a command that trains on the table before the steps, and does these itself.

        A training in batches does no steps: it takes the table after them.
        """
        raw = self.table
        if raw is None or (isinstance(command, RequestTraining) and command.batches):
            return command
        secret = {*command.sensitive, *raw.sensitive}
        return replace(
            command,
            dataset=raw.ref,
            read=raw.read,
            schema_hash=raw.schema_hash,
            sensitive=tuple(sorted(secret)),
            steps=self.steps,
        )


def kept_steps(by: ConductedRun, train: Step) -> KeptSteps:
    """Return the row-wise steps that lead to a training, from the last step that is none.

    A step that needs other rows (windows, duplicates) ends the chain: what it makes must come
    ready-made with a row that is to be predicted.
    """
    steps = {one.name: one for one in by.definition.steps}
    found: list[RowStep] = []
    name = train.inputs[0]
    while True:
        step = steps[name]
        spec = by.kinds.get(step.kind)
        if step.kind == "split":
            name = step.inputs[0]
            continue
        if spec is None or not _is_row_wise(spec, step) or len(step.inputs) != 1:
            break
        found.append(
            RowStep(
                function=spec.name,
                package=spec.package,
                package_version=spec.package_version,
                digest=spec.digest,
                parameters=step.parameters,
            )
        )
        name = step.inputs[0]
    if not found:
        return KeptSteps((), None)
    return KeptSteps(tuple(reversed(found)), by.outcomes[name].gave.table)


def _is_row_wise(spec: StepSpec, step: Step) -> bool:
    """Return whether a step with its parameters makes each row from one row."""
    return spec.row_wise and not {*spec.needs_rows} & {*step.parameters}

"""The row-wise steps before a training: they are kept in its artifact, before the features."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from autolearn.api.pipelines.run import ConductedRun
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import RequestStudy, RequestTraining
from autolearn.schemas.pipelines.definition import Step
from autolearn.schemas.pipelines.row_wise import row_wise_before
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

    What a step that needs other rows makes must come ready-made with a row to predict.
    """
    steps, base = _steps_before(by, train.inputs[0])
    return KeptSteps(steps, by.outcomes[base].gave.table if steps else None)


def raw_rows(by: ConductedRun, step: str, kept: tuple[RowStep, ...]) -> DatasetSpec | None:
    """Return the table that a model with these steps takes in place of that of a step.

    If the model's first steps have made that table, it is the one before them: no step is done
    twice.
    """
    steps, base = _steps_before(by, step)
    made = bool(steps) and steps == kept[: len(steps)]
    return by.outcomes[base if made else step].gave.table


def _steps_before(by: ConductedRun, name: str) -> tuple[tuple[RowStep, ...], str]:
    """Return the row-wise steps up to a step, and the step before them."""
    found = row_wise_before(by.definition, by.kinds, name)
    return tuple(_row_step(by.kinds[one.kind], one) for one in found.steps), found.base


def _row_step(spec: StepSpec, step: Step) -> RowStep:
    return RowStep(
        function=spec.name,
        package=spec.package,
        package_version=spec.package_version,
        digest=spec.digest,
        parameters=step.parameters,
    )

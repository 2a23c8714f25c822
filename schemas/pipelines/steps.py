"""The kinds of steps: what each takes, gives, and can be told."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from autolearn.schemas.values import Domain, Hyperparameter, JsonValue

Port = Literal["table", "split", "models", "scores", "choice", "version", "files"]
"""What goes from step to step.

A split is a table, and how its rows are split. Models are the trainings of a train step, scores
these with their evaluations, a choice the best of them, a version one that was registered.
"""


DRIVEN = frozenset({"source", "split", "train", "evaluate", "compare", "promote", "deliver"})
"""The steps that are done by the process that drives a pipeline: no package has one of the name."""


class StepParameter(Struct, frozen=True, omit_defaults=True):
    """A parameter of a step: its value lies in one of the `domains`.

    `columns` says that it names columns of the table: one, or an array of them.
    """

    name: str
    domains: tuple[Domain, ...]
    default: JsonValue | UnsetType = UNSET
    """Unset: it must be given."""
    summary: str = ""
    columns: bool = False

    def refusal(self, value: JsonValue) -> str | None:
        """Return why `value` is not accepted; None if it is."""
        return Hyperparameter(self.name, self.default, self.domains).refusal(value)


class StepSpec(Struct, frozen=True, omit_defaults=True):
    """A kind of step of the catalog.

    `takes` are what the inputs may be, in their order, each one of several ports. With `row_wise`
    its function makes each row of the result from one row of the table, so that it can be kept in
    a model. `driven` steps are done by the process that drives the pipeline; others are functions
    of a `package`, whose sources have the SHA-256 `digest` (hex), and run in a process of their
    own: with `network` outside the fence.
    """

    name: str
    summary: str
    takes: tuple[tuple[Port, ...], ...] = (("table", "split"),)
    gives: Port = "table"
    parameters: tuple[StepParameter, ...] = ()
    driven: bool = False
    row_wise: bool = False
    network: bool = False
    package: str = ""
    package_version: str = ""
    digest: str = ""

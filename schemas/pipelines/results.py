"""What a step gives, and how it came about."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.values import (
    NO_RUN,
    NO_SESSION,
    DatasetRef,
    JsonValue,
    RunId,
    SessionId,
    TrainedArtifact,
)

TABLE = "table.parquet"
"""The name of the table in the folder of a step's result."""
REPORT, LOG = "report.json", "log.txt"
"""The names of a `StepReport`, and of what a step wrote to its standard output and error."""

MOST_SAMPLES = 20
"""Rows of a sample."""


class StepChange(Struct, frozen=True, omit_defaults=True):
    """What a step removed or changed for one reason: `rows`, and a `sample` of them before it.

    `reason` is for people. `column` is "" for what concerns whole rows.
    """

    what: Literal["removed", "changed", "added", "failed", "warned"]
    reason: str
    rows: int
    column: str = ""
    sample: tuple[dict[str, JsonValue], ...] = ()


class StepReport(Struct, frozen=True, omit_defaults=True):
    """The account of a step: the rows of each table that it took, and of the one that it gives."""

    rows_in: tuple[int, ...] = ()
    rows: int = 0
    changes: tuple[StepChange, ...] = ()
    notes: tuple[str, ...] = ()


StepStatus = Literal["completed", "cached", "failed", "skipped", "cancelled"]
"""The end of a step in a run; one that was skipped needs the result of one that failed."""


class StepGave(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result of a step, by what the step gives.

    `artifact` is the folder of a step that ran in a process of its own: its table, its report, its
    log, and other files. `split` has the fields of a training's split. The `trainings`, `studies`
    and `evaluations` are runs of the `session`, of which `best` was chosen by `scores`: metrics by
    training. `artifacts` are those of the trainings. `version` is that of `model`. `dataset` is
    what the step has kept or delivered, `file` the name under which its client keeps the table.
    `notes` are for people.
    """

    table: DatasetSpec | None = None
    artifact: TrainedArtifact | None = None
    report: StepReport = StepReport()
    split: dict[str, JsonValue] = {}
    session: SessionId = NO_SESSION
    trainings: tuple[RunId, ...] = ()
    artifacts: dict[str, TrainedArtifact] = {}
    studies: tuple[RunId, ...] = ()
    evaluations: tuple[RunId, ...] = ()
    scores: dict[str, dict[str, float]] = {}
    best: RunId = NO_RUN
    model: str = ""
    version: int = 0
    dataset: DatasetRef | None = None
    file: str = ""
    notes: tuple[str, ...] = ()


class StepOutcome(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The end of a step in a run of its pipeline.

    `key` is that of its result in the cache. `inputs` are digests (SHA-256, hex) by what the result
    depends on: code, parameters, environment, seed, and input:<step>. `made_by` is the run of the
    pipeline whose result was taken; `why` says why the step ran, or why it has no result.
    """

    step: str
    kind: str
    status: StepStatus
    gave: StepGave = StepGave()
    key: str = ""
    inputs: dict[str, str] = {}
    made_by: RunId = NO_RUN
    why: str = ""
    seconds: float = 0.0

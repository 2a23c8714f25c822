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
    """The account of a step: the rows of each table that it took, and of the one that it gives.

    `naive` are the metrics of naive forecasts on the held-out rows: by horizon, then by forecast.
    """

    rows_in: tuple[int, ...] = ()
    rows: int = 0
    changes: tuple[StepChange, ...] = ()
    notes: tuple[str, ...] = ()
    naive: dict[str, dict[str, dict[str, float]]] = {}


StepStatus = Literal["completed", "cached", "failed", "skipped", "cancelled"]
"""The end of a step in a run; one that was skipped needs the result of one that failed."""


class StepGave(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result of a step, by what the step gives.

    `artifact` is the folder of a step that ran in a process of its own: its table, its report, its
    log, and other files. `split` has the fields of a training's split. The `trainings`, `studies`
    and `evaluations` are runs of the `session`, of which `best` was chosen by `scores`: metrics by
    training. `artifacts` and `estimators` are those of the trainings. `version` is that of `model`.
    `dataset` is what the step has kept or delivered, `file` the name under which its client keeps
    the table. `notes` are for people.

    Of forecasts, `horizons` has that of each training, `bests` the chosen training of each horizon,
    and `versions` the version of each model. They have learned from the table `learned_from`, and
    stand beside the `naive` ones of the report.
    """

    table: DatasetSpec | None = None
    artifact: TrainedArtifact | None = None
    report: StepReport = StepReport()
    split: dict[str, JsonValue] = {}
    session: SessionId = NO_SESSION
    trainings: tuple[RunId, ...] = ()
    artifacts: dict[str, TrainedArtifact] = {}
    estimators: dict[str, str] = {}
    studies: tuple[RunId, ...] = ()
    evaluations: tuple[RunId, ...] = ()
    scores: dict[str, dict[str, float]] = {}
    best: RunId = NO_RUN
    model: str = ""
    version: int = 0
    dataset: DatasetRef | None = None
    file: str = ""
    notes: tuple[str, ...] = ()
    horizons: dict[str, str] = {}
    bests: dict[str, RunId] = {}
    versions: dict[str, int] = {}
    learned_from: DatasetSpec | None = None
    naive: dict[str, dict[str, dict[str, float]]] = {}

    @property
    def models(self) -> StepGave:
        """Its trainings with all that is known of them: what the next step passes on."""
        return StepGave(
            session=self.session,
            trainings=self.trainings,
            artifacts=self.artifacts,
            estimators=self.estimators,
            studies=self.studies,
            evaluations=self.evaluations,
            scores=self.scores,
            best=self.best,
            horizons=self.horizons,
            bests=self.bests,
            naive=self.naive,
        )

    @property
    def chosen(self) -> dict[str, RunId]:
        """The chosen training by horizon, in their order, or by "" of what is no forecast.

        The only training needs no choice. It is empty if one of several is to be chosen.
        """
        if self.best:
            return {"": self.best}
        found: dict[str, RunId] = {}
        for run in self.trainings:
            horizon = self.horizons.get(run, "")
            if found.setdefault(horizon, self.bests.get(horizon, run)) != run and not self.bests:
                return {}
        return found

    @property
    def registered(self) -> dict[str, int]:
        """The versions that it has registered, by model."""
        return self.versions or ({self.model: self.version} if self.version else {})


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

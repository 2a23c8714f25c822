"""The retrain check: a recorded training, and how training it again compares."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from autolearn.schemas.datasets.read_options import ReadOptions
from autolearn.schemas.events import EvaluationRequested, TrainingRequested
from autolearn.schemas.values import DatasetRef, JsonValue, TrainedArtifact

Verdict = Literal["identical-artifact", "same-predictions", "same-metrics", "differs", "failed"]
"""From the strongest to the weakest; `failed`: the training could not be repeated."""


class RecordedEvaluation(Struct, frozen=True):
    """A completed evaluation, as the log has it."""

    request: EvaluationRequested
    results: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    plot_data: dict[str, JsonValue] = {}


class RecordedTraining(Struct, frozen=True):
    """A completed training, as the log has it, with its completed evaluations.

    For an encrypted artifact, `folder` is its decrypted copy, or `missing` says why there is none.
    `data` are the decrypted files of encrypted datasets by their versions; `data_missing` says why
    one is missing.
    """

    request: TrainingRequested
    artifact: TrainedArtifact
    environment: dict[str, JsonValue]
    evaluations: tuple[RecordedEvaluation, ...] = ()
    folder: str = ""
    missing: str = ""
    data: dict[str, str] = {}
    data_missing: dict[str, str] = {}


class Data(Struct, frozen=True):
    """Rows for predictions: those held out from the training, or all of a dataset.

    `read` says how it is read.
    """

    dataset: DatasetRef
    held_out: bool
    read: ReadOptions | None = None


class Comparison(Struct, frozen=True):
    """Two artifacts by their digests, and the rows on which both predict."""

    recorded: str
    present: str
    data: tuple[Data, ...]


class Compared(Struct, frozen=True):
    """The predictions of two artifacts on the same rows, by one method, bit for bit.

    `different` counts the rows whose predictions differ; `largest` is the largest difference, where
    they are numbers of one shape.
    """

    data: Data
    method: str
    rows: int
    different: int
    largest: float | None = None


class Difference(Struct, frozen=True):
    """One property of the environment that differs from the record (null: absent)."""

    what: str
    recorded: JsonValue
    present: JsonValue


class Repeated(Struct, frozen=True):
    """A recorded evaluation, repeated with the new artifact.

    `equal` says whether every result, also of plots, equals the record; `detail` why it could not
    be repeated. It was `untried` if its data were not there.
    """

    evaluation: str
    data: Data
    equal: bool
    recorded: dict[str, JsonValue]
    present: dict[str, JsonValue]
    detail: str = ""
    environment: tuple[Difference, ...] = ()
    untried: bool = False


class Retrained(Struct, frozen=True):
    """How a repeated training compares with the record.

    `detail` says why it failed, or what could not be compared; `files` are the names of the
    artifact's files that differ; `seconds` is how long the training took now.
    """

    training: str
    estimator: str
    verdict: Verdict
    recorded: str
    present: str = ""
    detail: str = ""
    files: tuple[str, ...] = ()
    answers: tuple[Compared, ...] = ()
    evaluations: tuple[Repeated, ...] = ()
    environment: tuple[Difference, ...] = ()
    seconds: float | None = None

    @property
    def same(self) -> bool:
        """Whether the verdict and every recorded evaluation that was tried confirm the record."""
        fine = all(one.equal or one.untried for one in self.evaluations)
        return self.verdict not in ("differs", "failed") and fine


class RetrainCheck(Struct, frozen=True):
    """The result of a check. `same` says whether all that was tried confirms the record."""

    trainings: tuple[Retrained, ...]
    same: bool
    seconds: float

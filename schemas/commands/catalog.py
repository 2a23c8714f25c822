"""Commands of the catalog: estimators, metrics, datasets."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.datasets.labels import RowLabel
from autolearn.schemas.messages import Command
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.values import May


class RegisterEstimator(Command, frozen=True):
    """Register an estimator, or a new version of it, in the catalog."""

    spec: EstimatorSpec


class RegisterMetric(Command, frozen=True):
    """Register a metric, or a new version of it, in the catalog."""

    spec: MetricSpec


class RegisterStep(Command, frozen=True):
    """Offer a kind of step of pipelines, or change its specification. Only workers do."""

    spec: StepSpec


class RegisterDataset(Command, frozen=True, omit_defaults=True):
    """Register a dataset whose bytes are in the artifact store, or a new version of it.

    The sender owns a new name; with `everybody` every user may use and change it. `marks`: it has
    other sensitive columns than the newest version; `unmarks`: some are no longer sensitive, which
    only the owner may say. `after` counts the changes of the sensitive columns that the sender
    knew: after a later change the command is refused.
    """

    spec: DatasetSpec
    everybody: bool = False
    marks: bool = False
    unmarks: bool = False
    after: int = 0


class ShareDataset(Command, frozen=True):
    """Let another user use a dataset, or change it as well."""

    user: str
    may: May = "read"


class LabelRows(Command, frozen=True, omit_defaults=True):
    """Say what rows of a version of a dataset are: its column `target` has no value of them.

    `rows` counts the labels. The version has `total` rows as it is read now. Of several labels of a
    row the first one counts, and each later one that `replaces` it.
    """

    dataset_version: str
    target: str
    total: int
    rows: int
    labels: tuple[RowLabel, ...] = ()
    replaces: bool = False


class DeleteDataset(Command, frozen=True):
    """Delete a dataset: none of it can be read any more, and its name is never reused."""


class UnshareDataset(Command, frozen=True):
    """End a user's grant to use or change a dataset."""

    user: str

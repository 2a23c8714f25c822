"""Events of the catalog: estimators, metrics, datasets."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.datasets.labels import RowLabel
from autolearn.schemas.messages import Event
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.values import May


class EstimatorRegistered(Event, frozen=True):
    """The catalog has an estimator as `spec` describes it."""

    spec: EstimatorSpec


class MetricRegistered(Event, frozen=True):
    """The catalog has a metric as `spec` describes it."""

    spec: MetricSpec


class StepRegistered(Event, frozen=True):
    """The catalog has a kind of step of pipelines, or its changed specification."""

    spec: StepSpec


class DatasetRegistered(Event, frozen=True, omit_defaults=True):
    """A dataset has a newest version, `spec`. The first version fixes its owner.

    `marks`: it has other sensitive columns than the version before.
    """

    spec: DatasetSpec
    everybody: bool = False
    marks: bool = False


class DatasetShared(Event, frozen=True):
    """`user` may use the dataset, or change it as well."""

    user: str
    may: May


class RowsLabelled(Event, frozen=True, omit_defaults=True):
    """Rows of a version of a dataset have labels, which the actor gave.

    The fields are those of `commands.LabelRows`.
    """

    dataset_version: str
    target: str
    total: int
    rows: int
    labels: tuple[RowLabel, ...] = ()
    replaces: bool = False


class DatasetDeleted(Event, frozen=True):
    """The dataset is deleted; none of it is kept."""


class DatasetUnshared(Event, frozen=True):
    """`user` may no longer use the dataset."""

    user: str

"""Events of the catalog: estimators, metrics, datasets."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.messages import Event
from autolearn.schemas.values import May

__all__ = [
    "DatasetDeleted",
    "DatasetRegistered",
    "DatasetShared",
    "DatasetUnshared",
    "EstimatorRegistered",
    "MetricRegistered",
]


class EstimatorRegistered(Event, frozen=True):
    """An estimator is on offer as `spec` says, from now on."""

    spec: EstimatorSpec


class MetricRegistered(Event, frozen=True):
    """A metric is on offer as `spec` says, from now on."""

    spec: MetricSpec


class DatasetRegistered(Event, frozen=True, omit_defaults=True):
    """A dataset has a newest version, `spec`. Its first version says whose it is.

    `marks`: it has other sensitive columns than the version before.
    """

    spec: DatasetSpec
    everybody: bool = False
    marks: bool = False


class DatasetShared(Event, frozen=True):
    """`user` may use the dataset, or change it as well."""

    user: str
    may: May


class DatasetDeleted(Event, frozen=True):
    """Nothing of the dataset is kept any more."""


class DatasetUnshared(Event, frozen=True):
    """`user` may use the dataset no longer."""

    user: str

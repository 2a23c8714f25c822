"""Commands of the catalog: estimators, metrics, datasets."""

from __future__ import annotations

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.messages import Command
from autolearn.schemas.values import May

__all__ = [
    "DeleteDataset",
    "RegisterDataset",
    "RegisterEstimator",
    "RegisterMetric",
    "ShareDataset",
    "UnshareDataset",
]


class RegisterEstimator(Command, frozen=True):
    """Offer an estimator, or a new version of it, in the catalog."""

    spec: EstimatorSpec


class RegisterMetric(Command, frozen=True):
    """Offer a metric, or a new version of it, in the catalog."""

    spec: MetricSpec


class RegisterDataset(Command, frozen=True, omit_defaults=True):
    """Offer a dataset whose bytes are in the artifact store, or a new version of it.

    A new name is its sender's; with `everybody` whoever there is may use and change it. `marks`: it
    has other sensitive columns than the newest version; `unmarks`: some are so no longer, which its
    owner alone may say. `after` is how often they had changed for the sender: it is refused if they
    have changed since.
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


class DeleteDataset(Command, frozen=True):
    """Delete a dataset: nothing of it can be read any more, and its name is not given again."""


class UnshareDataset(Command, frozen=True):
    """Let a user use a dataset no longer."""

    user: str

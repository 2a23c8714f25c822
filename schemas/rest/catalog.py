"""The answers of service `catalog`: estimators, metrics, steps and datasets."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.dataset_changes import DatasetChanges
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.rest.page import Links
from autolearn.schemas.values import May


class CatalogEstimator(EstimatorSpec, kw_only=True, frozen=True):
    """An estimator of the catalog."""

    registered: str
    links: Links


class CatalogMetric(MetricSpec, kw_only=True, frozen=True):
    """A metric of the catalog."""

    registered: str
    links: Links


class CatalogStep(StepSpec, kw_only=True, frozen=True, omit_defaults=False):
    """A kind of step of the catalog."""

    registered: str
    links: Links


class FindingInWords(DataFinding, kw_only=True, frozen=True):
    """An oddity of the data, and its remedy."""

    severe: bool
    words: str
    remedy: str = ""


class Dataset(DatasetSpec, kw_only=True, frozen=True, omit_defaults=False):
    """A version of a dataset. `everybody` may use and change it, or it is its `owner`'s.

    `changes` are those against the version before, in the answer to what adds one.
    """

    findings: tuple[FindingInWords, ...] = ()
    changes: DatasetChanges | UnsetType = UNSET
    owner: str
    everybody: bool
    registered: str
    links: Links


class DeletedDataset(Struct):
    """A dataset that was deleted, and when."""

    name: str
    deleted: str


class Grant(Struct, frozen=True, gc=False):
    """A user who may read or write a dataset besides its owner, since a time."""

    user: str
    may: May
    since: str

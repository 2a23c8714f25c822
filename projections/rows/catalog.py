"""Estimators, metrics, steps and datasets."""

from __future__ import annotations

from msgspec import Raw, Struct

from autolearn.projections.storage.table import Table
from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.datasets.rules import Expectations
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.rest.catalog import Grant


class EstimatorRow(Struct, frozen=True):
    """An estimator of the catalog, since `registered`."""

    spec: EstimatorSpec
    registered: str


class MetricRow(Struct, frozen=True):
    """A metric of the catalog, since `registered`."""

    spec: MetricSpec
    registered: str


class StepRow(Struct, frozen=True):
    """A kind of step of the catalog, since `registered`."""

    spec: StepSpec
    registered: str


class StoredDataset(Struct, array_like=True, gc=False):
    """A version of a dataset: the data of the event that registered it.

    `stored` is the digest of its content in the artifact store, of `bytes` bytes.
    """

    registration: Raw
    registered: str
    stored: str
    bytes: int


class DatasetRow(Struct, frozen=True):
    """A version of a dataset as queries return it, since `registered`."""

    spec: DatasetSpec
    registered: str


class DatasetOwner(Struct, frozen=True, gc=False):
    """The owner of a dataset; `everybody` may use and change it, or only use it if it is `bundled`.

    The owner stays known when it is `deleted`, at a time, by a user. `marks` counts the changes of
    its sensitive columns.
    """

    owner: str
    everybody: bool = False
    bundled: bool = False
    deleted: str = ""
    by: str = ""
    marks: int = 0


class StoredLabels(Struct, frozen=True, array_like=True, gc=False):
    """Labels of rows of a dataset, given by an `actor`: the data of their event."""

    data: Raw
    time: str
    actor: str


class StoredExpectations(Struct, frozen=True, array_like=True, gc=False):
    """The expectations of a dataset, of an `actor`: the data of their event, and its number."""

    data: Raw
    number: int
    time: str
    actor: str


class ExpectationsRow(Struct, frozen=True):
    """The expectations of a dataset as queries return them, after so many changes."""

    expectations: Expectations = Expectations()
    number: int = 0
    time: str = ""
    actor: str = ""


class StoredBytes(Struct, frozen=True, gc=False):
    """The bytes of a dataset's version in the artifact store, or of all of a user's own."""

    bytes: int = 0


ESTIMATORS = Table("estimator", EstimatorRow)
METRICS = Table("metric", MetricRow)
STEPS = Table("step", StepRow)
DATASETS = Table("dataset", StoredDataset)
"""The newest version of each, by name."""
DATASET_VERSIONS = Table("dataset-version", StoredDataset)
"""By name and content."""
DATASET_VERSIONS_BY_TIME = Table("dataset-version-by-time", StoredBytes)
"""By name, time of registration and content."""
DATASET_OWNERS = Table("dataset-owner", DatasetOwner)
DATASET_GRANTS = Table("dataset-grant", Grant)
"""By name and user."""
DATASET_LABELS = Table("dataset-label", StoredLabels)
"""By name, and the sequence of the event in twelve digits."""
DATASET_EXPECTATIONS = Table("dataset-expectations", StoredExpectations)
"""By name."""
DATASET_BYTES = Table("dataset-bytes", StoredBytes)
"""By owner."""

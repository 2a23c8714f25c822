"""The rows of the read models as queries return them."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec


class EstimatorRow(Struct, frozen=True):
    """An estimator of the catalog, since `registered`."""

    spec: EstimatorSpec
    registered: str


class MetricRow(Struct, frozen=True):
    """A metric of the catalog, since `registered`."""

    spec: MetricSpec
    registered: str


class DatasetRow(Struct, frozen=True):
    """A version of a dataset of the catalog, since `registered`."""

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


class StoredBytes(Struct, frozen=True, gc=False):
    """The bytes of a dataset's version in the artifact store, or of all of a user's own."""

    bytes: int = 0


class Answer(Struct, frozen=True, array_like=True, gc=False):
    """The answer to a command: the event's type, and the reason of a refusal.

    Stored as a JSON array, because there is one for every command.
    """

    stream: str
    sequence: int
    type: str
    time: str
    fingerprint: str = ""
    reason: str = ""
    detail: str = ""


class IndexEntry(Struct, frozen=True, gc=False):
    """An entry of an index: the id of the indexed row."""

    id: str


class EndedRow(Struct, frozen=True, gc=False):
    """The end of a session (committed or discarded), its time, and the runs that it stopped."""

    how: str
    time: str
    cancelled: tuple[str, ...] = ()


class QuotaRow(Struct, frozen=True, gc=False):
    """A user's own limit of a quota (`schemas.quotas`)."""

    user: str
    name: str
    limit: int

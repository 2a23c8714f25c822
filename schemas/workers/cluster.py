"""The Dask cluster of a worker: where its runs may have their rows worked on."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.catalog import EXTRAS

DASK = "dask"
"""The extra of AutoLearn with Dask, and the label of a worker that has a cluster."""
MACHINES = 2
"""The workers of the cluster that share a training's rows, unless it asks for others."""
_STEPS = frozenset({"select", "clean", "features", "predict"})
"""AutoLearn's own functions that work on a cluster. No package can have a step of such a name."""


class DaskSettings(Struct, frozen=True):
    """A Dask cluster: the address of its scheduler, and the folder of the certificates for it.

    Work on fewer than `rows` rows is done without it.
    """

    address: str
    tls: str = ""
    rows: int = 1


def needs_cluster(estimator: str) -> bool:
    """Return whether an estimator learns on a cluster."""
    return EXTRAS.get(estimator) == DASK


def labels_for(estimator: str) -> dict[str, str]:
    """Return the labels of the workers that can train an estimator."""
    return {DASK: "1"} if needs_cluster(estimator) else {}


def uses_cluster(
    kind: str, rows: int, cluster: DaskSettings, *, function: str, estimator: str
) -> bool:
    """Return whether a run of a kind of work, on so many rows, is given a cluster."""
    if kind == "training":
        return needs_cluster(estimator)
    return rows >= cluster.rows and (kind == "prediction" or function in _STEPS)

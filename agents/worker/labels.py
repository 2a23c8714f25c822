"""What this worker has, as the labels of its heartbeats (`schemas.workers.labels`)."""

from __future__ import annotations

import os
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import structlog

from autolearn.ml.entry_points import ESTIMATORS, METRICS, STEPS
from autolearn.schemas.settings import WorkerSettings
from autolearn.schemas.workers.cluster import DASK
from autolearn.schemas.workers.labels import PACKAGE, faults_in, labels_in

_GROUPS = (ESTIMATORS, METRICS, STEPS)
logger = structlog.get_logger(__name__)


def labels_of(settings: WorkerSettings) -> dict[str, str]:
    """Return the labels of this process: what is found here, and those of the setting (blocks).

    The cores are those that it may use, the memory (MiB) is the machine's.
    """
    found = {**_packages(), "cores": str(_cores()), "memory": str(_memory())}
    if gpus := _gpus():
        found["gpu"] = str(gpus)
    if settings.dask and find_spec("distributed") and find_spec("lightgbm"):
        found[DASK] = "1"
    return found | labels_in(settings.labels)


def _packages() -> dict[str, str]:
    """Return the versions of the packages with plug-ins."""
    entries = [one for group in _GROUPS for one in metadata.entry_points(group=group)]
    found = {f"{PACKAGE}{one.dist.name.lower()}": one.dist.version for one in entries if one.dist}
    for name, version in [*found.items()]:
        if faults := faults_in({name: version}):
            logger.warning("no run can ask for a package", why=faults[0])
            del found[name]
    return found


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20


def _gpus() -> int:
    """Return the number of Nvidia's devices that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in ("", "-1")])
    return len([*Path("/dev").glob("nvidia[0-9]*")])

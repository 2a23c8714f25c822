"""Trains LightGBM on a Dask cluster (`lightgbm.dask`): its workers share the rows.

The rows are dealt to as many workers as the request says, those of each class in turn, and the
workers are in the order of the rows' parts: so the request says what the model depends on. (Its
own estimators for Dask put them in any order, and each finds the bins of some columns.)
"""

from __future__ import annotations

import re
import socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from sklearn.base import is_classifier

from autolearn.ml.cluster import DaskCluster, connected
from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import cut
from autolearn.schemas.workers.cluster import MACHINES

Array = np.ndarray[Any, Any]
_ELSEWHERE = re.compile(
    r"^\[(machines|local_listen_port|time_out|num_threads): .*\]\n", re.MULTILINE
)
"""What the text of a model says of the workers that trained it."""
_OF_NETWORK = re.compile("socket|bind|network|connect", re.IGNORECASE)
"""What LightGBM's errors say when another worker is gone."""
_NOT_PASSED = ("client", "num_machines", "n_jobs")
_TIMEOUT = 5
"""Minutes that a worker waits for another one, at each step of the training."""


def fit_on_cluster(estimator: Any, features: Any, answers: Any, weights: Array | None) -> Any:
    """Return a fitted plain model of LightGBM's.

    Raises InputError; Interrupted when the cluster, or one of the workers, is lost.
    """
    with connected() as cluster:
        if cluster is None:
            raise InputError(
                "LightGBM learns on a Dask cluster here, and this worker has none",
                advice="Set AUTOLEARN_DASK where the workers run, or choose lightgbm.",
            )
        return _fitted(cluster, estimator, features, answers, weights)


class _Machine(NamedTuple):
    """A worker among others: what it trains, and where they find each other."""

    parameters: dict[str, Any]
    classes: bool
    machines: str
    port: int
    many: int
    first: bool


def _fitted(
    cluster: DaskCluster, estimator: Any, features: Any, answers: Any, weights: Array | None
) -> Any:
    from lightgbm import Booster
    from lightgbm.basic import LightGBMError

    given = estimator.get_params()
    parameters = {name: value for name, value in given.items() if name not in _NOT_PASSED}
    classes = is_classifier(estimator)
    parts = _parts_of(answers, given.get("num_machines", MACHINES), classes)
    matrix = features if hasattr(features, "tocsr") else np.asarray(features)
    rows = {"data": matrix, "label": answers, "weight": weights}
    dealt = [
        {name: values[part] for name, values in rows.items() if values is not None}
        for part in parts
    ]
    many, workers = len(parts), cluster.some_workers(len(parts))
    nothing = [None] * many
    ports = cluster.together(_free_port, nothing, nothing, workers)
    hosts = [urlsplit(worker).hostname for worker in workers]
    machines = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))
    asked = [
        _Machine(parameters, classes, machines, port, many, at == 0)
        for at, port in enumerate(ports)
    ]
    try:
        model, *_ = cluster.together(_trained, dealt, asked, workers)
    except LightGBMError as error:
        if _OF_NETWORK.search(str(error)):
            raise cluster.lost(cut(str(error))) from None
        raise
    local = type(model)(**parameters, n_jobs=1)
    for name in {*vars(model)} - {*model.get_params(), "_other_params"}:  # what was learned
        setattr(local, name, getattr(model, name))
    text = _ELSEWHERE.sub("", model.booster_.model_to_string())
    local._Booster = Booster(model_str=text)
    return local


def _free_port(_: None, __: None) -> int:
    """Return a port on which a worker can listen."""
    with socket.socket() as one:
        one.bind(("", 0))
        return int(one.getsockname()[1])


def _trained(rows: dict[str, Any], asked: _Machine) -> Any:
    """Train on the rows of this worker, together with the others; the first returns the model."""
    from distributed import get_worker
    from lightgbm import LGBMClassifier, LGBMRegressor
    from lightgbm.dask import _train_part

    threads = get_worker().state.nthreads
    return _train_part(
        params={**asked.parameters, "num_threads": threads, "tree_learner": "data"},
        model_factory=LGBMClassifier if asked.classes else LGBMRegressor,
        list_of_parts=[rows],
        machines=asked.machines,
        local_listen_port=asked.port,
        num_machines=asked.many,
        return_model=asked.first,
        time_out=_TIMEOUT,
        remote_socket=None,  # type: ignore[arg-type]
        callbacks=[StopWhenForgotten()],
    )


def _parts_of(answers: Array, machines: int, by_class: bool) -> list[Array]:
    """Return the places of the rows of each machine: those of each class are dealt in turn.

    Raises InputError: a class, or the whole, has fewer rows than there are machines.
    """
    if not by_class:
        groups = [np.arange(len(answers))]
    else:
        groups = [np.flatnonzero(answers == one) for one in np.unique(answers)]
    least = min(map(len, groups))
    if least < machines:
        what = f"a class has {least:,} rows" if by_class else f"there are {least:,} rows"
        raise InputError(
            f"{what} to fit on, and each of num_machines={machines} workers needs one of it",
            advice="Choose fewer num_machines, or take more rows.",
        )
    return [
        np.sort(np.concatenate([one[at::machines] for one in groups])) for at in range(machines)
    ]


class StopWhenForgotten:
    """Ends a training on a worker when its client is gone: the run was cancelled, or has failed.

    LightGBM calls it after each iteration. The other workers then miss this one, and end as well.
    """

    def __call__(self, iteration: Any) -> None:
        """Raise RuntimeError if nobody waits for the model."""
        from distributed import get_worker

        worker = get_worker()
        task = worker.state.tasks.get(worker.get_current_task())
        if task is None or task.state != "executing":
            iteration.model.free_network()
            raise RuntimeError("nobody waits for this model any more")

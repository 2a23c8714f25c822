"""Trains LightGBM on a Dask cluster (`lightgbm.dask`): its workers share the rows.

The rows are dealt to as many workers as the request says, those of each class in turn, and the
workers are in the order of the rows' parts: so the request says what the model depends on.
"""

from __future__ import annotations

import logging
import re
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from autolearn.ml.cluster import DaskCluster, connected
from autolearn.ml.errors import InputError

Array = np.ndarray[Any, Any]
_ADDRESSES = re.compile(r"^\[(machines|local_listen_port|time_out): .*\]\n", re.MULTILINE)
"""Where the workers of a training were, in the text of a model."""
_NOT_PASSED = ("client", "num_machines", "n_jobs")
_TIMEOUT = 5
"""Minutes that a worker waits for another one, at each step of the training."""


def fit_on_cluster(estimator: Any, features: Any, answers: Array, weights: Array | None) -> Any:
    """Return a fitted plain model of LightGBM's.

    Raises InputError; Interrupted when the cluster, or one of the workers, is lost.
    """
    logging.getLogger("autolearn.lightgbm").setLevel(logging.ERROR)
    with connected() as cluster:
        if cluster is None:
            raise InputError(
                "LightGBM learns on a Dask cluster here, and this worker has none",
                advice="Set AUTOLEARN_DASK where the workers run, or choose lightgbm.",
            )
        return _fitted(cluster, estimator, features, answers, weights)


def _fitted(
    cluster: DaskCluster, estimator: Any, features: Any, answers: Array, weights: Array | None
) -> Any:
    import lightgbm

    lightgbm.register_logger(logging.getLogger("autolearn.lightgbm"))
    given = estimator.get_params()
    parameters = {name: value for name, value in given.items() if name not in _NOT_PASSED}
    parts = _parts_of(answers, given["num_machines"], is_classifier(estimator))
    matrix = features if hasattr(features, "tocsr") else np.asarray(features)
    workers = cluster.some_workers(len(parts))
    rows = {"X": matrix, "y": answers, "sample_weight": weights}
    model = type(estimator)(client=cluster.client, time_out=_TIMEOUT, **parameters)

    def fit() -> None:
        dealt = {
            name: cluster.array([values[one] for one in parts], workers)
            for name, values in rows.items()
            if values is not None
        }
        model.fit(**dealt, callbacks=[StopWhenForgotten()])

    cluster.watched(fit, workers)
    local = model.to_local()
    text = local.booster_.model_to_string()
    if f"[num_machines: {len(parts)}]" not in text:
        raise cluster.lost(f"the rows came to other workers than the {len(parts)} that were chosen")
    local._Booster = lightgbm.Booster(model_str=_ADDRESSES.sub("", text))
    return local


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

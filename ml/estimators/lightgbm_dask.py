"""LightGBM's estimators that learn on a Dask cluster (`ml.training.on_cluster`).

The extra `autolearn[dask]` installs the libraries. What is trained is a plain model of LightGBM's,
so that it is read without Dask.
"""

from __future__ import annotations

from lightgbm import DaskLGBMClassifier, DaskLGBMRegressor

from autolearn.ml.estimators import spaces
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.estimators.lightgbm import FIXED, HYPERPARAMETERS, TRUSTED, WEIGHTS
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.values import Domain, Hyperparameter
from autolearn.schemas.workers.cluster import MACHINES

_MACHINES = Hyperparameter("num_machines", MACHINES, (Domain("integer", 1, 1024),))
"""The workers of the cluster that share the rows: the model depends on their number."""

lightgbm_dask = Estimator(
    name="lightgbm-dask",
    task=CLASSIFICATION,
    summary="LightGBM's gradient boosting on a Dask cluster (extra autolearn[dask]).",
    factory=DaskLGBMClassifier,
    fixed=FIXED,
    override=(WEIGHTS, _MACHINES, *HYPERPARAMETERS),
    trusted=(*TRUSTED, "lightgbm.sklearn.LGBMClassifier", "numpy.str_"),
    space=spaces.LIGHTGBM,
)
lightgbm_dask_regressor = Estimator(
    name="lightgbm-dask-regressor",
    task=REGRESSION,
    summary="LightGBM's gradient boosting of a number, on a Dask cluster (extra autolearn[dask]).",
    factory=DaskLGBMRegressor,
    fixed=FIXED,
    override=(_MACHINES, *HYPERPARAMETERS),
    trusted=(*TRUSTED, "lightgbm.sklearn.LGBMRegressor"),
    space=spaces.LIGHTGBM,
)

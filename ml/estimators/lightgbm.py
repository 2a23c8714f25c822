"""LightGBM's estimators: the extra `autolearn[lightgbm]` installs the library.

skops keeps its booster as LightGBM's own text format, so an artifact needs no pickle.
"""

from __future__ import annotations

from lightgbm import LGBMClassifier, LGBMRegressor

from autolearn.ml.estimators import spaces
from autolearn.ml.estimators.estimator import Estimator
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.values import Domain, Hyperparameter

FIXED = {"verbose": -1, "deterministic": True, "force_row_wise": True}
"""Silent, and the same artifact each time: LightGBM would choose the faster layout by a trial."""

_BALANCED = (Domain("string", choices=("balanced",)), Domain("object"), Domain("null"))
WEIGHTS = Hyperparameter("class_weight", None, _BALANCED)
HYPERPARAMETERS = (
    Hyperparameter("boosting_type", "gbdt", (Domain("string", choices=("dart", "gbdt")),)),
    Hyperparameter("colsample_bytree", 1.0, (Domain("number", 0, 1, exclusive_minimum=True),)),
    Hyperparameter("learning_rate", 0.1, (Domain("number", 0, exclusive_minimum=True),)),
    Hyperparameter("max_depth", -1, (Domain("integer", -1),)),
    Hyperparameter("min_child_samples", 20, (Domain("integer", 0),)),
    Hyperparameter("min_child_weight", 0.001, (Domain("number", 0),)),
    Hyperparameter("min_split_gain", 0.0, (Domain("number", 0),)),
    Hyperparameter("n_estimators", 100, (Domain("integer", 1),)),
    Hyperparameter("num_leaves", 31, (Domain("integer", 2, 131_072),)),
    Hyperparameter("reg_alpha", 0.0, (Domain("number", 0),)),
    Hyperparameter("reg_lambda", 0.0, (Domain("number", 0),)),
    Hyperparameter("subsample", 1.0, (Domain("number", 0, 1, exclusive_minimum=True),)),
    Hyperparameter("subsample_freq", 0, (Domain("integer", 0),)),
)
TRUSTED = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "lightgbm.basic.Booster",
    "<DefaultDictNode>",
)

lightgbm = Estimator(
    name="lightgbm",
    task=CLASSIFICATION,
    summary="LightGBM's gradient boosting on binned features (extra autolearn[lightgbm]).",
    factory=LGBMClassifier,
    fixed=FIXED,
    override=(WEIGHTS, *HYPERPARAMETERS),
    trusted=(*TRUSTED, "numpy.str_"),
    space=spaces.LIGHTGBM,
)
lightgbm_regressor = Estimator(
    name="lightgbm-regressor",
    task=REGRESSION,
    summary="LightGBM's gradient boosting of a number (extra autolearn[lightgbm]).",
    factory=LGBMRegressor,
    fixed=FIXED,
    override=HYPERPARAMETERS,
    trusted=TRUSTED,
    space=spaces.LIGHTGBM,
)

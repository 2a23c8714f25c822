"""What a package needs that adds an estimator or a metric to the catalog.

Like examples/autolearn-extra it names them in its entry points:

    [project.entry-points."autolearn.estimators"]
    k-nearest-neighbours = "my_package:nearest"

    [project.entry-points."autolearn.metrics"]
    balanced-accuracy = "my_package:balanced"

Each entry point names an `Estimator` or a `Metric`. Both raise `InputError` for what a user can
mend; `Hyperparameter` describes one that scikit-learn's constraints do not, and `Dimension` the
values of one that `autolearn tune` tries (`Estimator.space`).
"""

from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.metrics.metric import Metric
from autolearn.schemas.studies.search import Dimension
from autolearn.schemas.values import Hyperparameter

__all__ = ["Dimension", "Estimator", "Hyperparameter", "InputError", "Metric"]

"""What a package needs that adds an estimator, a metric or a step to the catalog.

Like examples/autolearn-extra it names them in its entry points:

    [project.entry-points."autolearn.estimators"]
    k-nearest-neighbours = "my_package:nearest"

    [project.entry-points."autolearn.metrics"]
    balanced-accuracy = "my_package:balanced"

    [project.entry-points."autolearn.steps"]
    normalize = "my_package:normalize"

Each entry point names an `Estimator`, a `Metric`, or the function of a step of pipelines, which may
be marked with `step`. While a step runs, `report` says what it removes or changes, and `write_file`
gives the path of a file of its result. A parameter that is annotated with `COLUMNS` names columns
of the table. All raise `InputError` for what a user can
mend; `Hyperparameter` describes one that scikit-learn's constraints do not, and `Dimension` the
values of one that `autolearn tune` tries (`Estimator.space`).
"""

from autolearn.ml.errors import InputError
from autolearn.ml.estimators.estimator import Estimator
from autolearn.ml.metrics.metric import Metric
from autolearn.ml.steps.context import report, write_file
from autolearn.ml.steps.parameters import COLUMNS
from autolearn.ml.steps.step_function import step
from autolearn.schemas.studies.search import Dimension
from autolearn.schemas.values import Hyperparameter

__all__ = [
    "COLUMNS",
    "Dimension",
    "Estimator",
    "Hyperparameter",
    "InputError",
    "Metric",
    "report",
    "step",
    "write_file",
]

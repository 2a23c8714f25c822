"""The metrics of the catalog, and the door through which a package adds one.

A third party writes, and names in its entry points under `autolearn.metrics`:

    from autolearn.plugins import Metric
    from sklearn.metrics import cohen_kappa_score

    kappa = Metric(
        name="cohen-kappa",
        tasks=("classification",),
        summary="The agreement with the true classes beyond chance.",
        compute=cohen_kappa_score,
    )

A metric that can be of one class is a macro average (the plain mean over classes) unless a class is
named, also for two classes. A class that was never predicted counts as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from msgspec import UNSET

from autolearn.ml.estimators.estimator import distribution_of
from autolearn.schemas.catalog import MetricSpec

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Metric:
    """A metric of the catalog. The arguments of `compute` depend on what it `needs`.

        prediction     compute(truth, predicted)
        scores         compute(truth, scores, classes)         decision values or probabilities
        probabilities  compute(truth, probabilities, classes)
        features       compute(features, predicted)            features after preprocessing

    truth and predicted have one entry per row (labels are strings, numbers float64); scores and
    probabilities have one row per row and one column per class, in the order of `classes`, and the
    truth no other class. It returns a number (`result` scalar), a dict of labels and matrix
    (`result` matrix) or a list with a dict per class (`result` table), and may raise
    `InputError`.

    Of a metric that can be of one class, `positive` is called in place of `compute` when a class is
    named, and for the detection of anomalies: with which rows are of it, and which were taken for
    it, or their scores for it. `average` says what the number is of without that, as macro does.
    Without `by_default` it is computed only if it is named.
    """

    name: str
    tasks: tuple[str, ...]
    summary: str
    compute: Callable[..., Any]
    needs: Literal["prediction", "scores", "probabilities", "features"] = "prediction"
    result: Literal["scalar", "matrix", "table"] = "scalar"
    greater_is_better: bool | None = True
    positive: Callable[[Array, Array], float] | None = None
    average: str = ""
    by_default: bool = True

    def spec(self) -> MetricSpec:
        """Return the specification for the catalog."""
        compute = self.compute.func if isinstance(self.compute, partial) else self.compute
        library_name, version = distribution_of(compute)
        return MetricSpec(
            name=self.name,
            tasks=self.tasks,
            summary=self.summary,
            library=library_name,
            library_version=version,
            result=self.result,
            greater_is_better=self.greater_is_better,
            needs=self.needs,
            of_class=UNSET if self.positive is None else True,
            by_default=UNSET if self.by_default else False,
        )

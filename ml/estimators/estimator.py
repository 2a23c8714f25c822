"""The estimators of the catalog, and the door through which a package adds one.

A third party writes, and names in its entry points under `autolearn.estimators`:

    from autolearn.plugins import Estimator
    from sklearn.neighbors import NearestCentroid

    nearest = Estimator(
        name="nearest-centroid",
        task="classification",
        summary="Takes the class whose mean is nearest.",
        factory=NearestCentroid,
    )

Its hyperparameters, with type, range and default, come from scikit-learn's own constraints.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from msgspec import UNSET

from autolearn.ml.estimators.hyperparameters import derive, suited
from autolearn.ml.models.trusted_types import TRUSTED
from autolearn.schemas.catalog import EstimatorSpec
from autolearn.schemas.studies.search import Dimension
from autolearn.schemas.values import Hyperparameter, JsonValue

_DISTRIBUTIONS = {"autolearn": "autolearn", "sklearn": "scikit-learn"}
"""The installed packages, which are looked up in every process."""


@dataclass(frozen=True)
class Estimator:
    """An estimator of the catalog.

    `factory` makes a scikit-learn estimator from keyword arguments; usually it is the class. `task`
    is classification, regression, clustering, anomaly-detection, or a word of your own. `fixed` are
    arguments that are always passed and not hyperparameters; `leave_out` are names that are none;
    `override` replaces hyperparameters that are derived from the factory, or adds to them.
    `trusted` are the types (dotted names) that a fitted estimator holds besides its own class and
    those of `ml.models.trusted_types`: without them its artifact is refused. `space` is what a
    study tries, by hyperparameter.
    """

    name: str
    task: str
    summary: str
    factory: Callable[..., Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    override: tuple[Hyperparameter, ...] = ()
    trusted: tuple[str, ...] = ()
    space: Mapping[str, Dimension] = field(default_factory=dict)

    @property
    def learns_in_batches(self) -> bool:
        """Whether it can be fitted on some rows after others (scikit-learn's `partial_fit`)."""
        return hasattr(self.factory, "partial_fit")

    def spec(self) -> EstimatorSpec:
        """Return the specification for the catalog."""
        library, version = distribution_of(self.factory)
        return EstimatorSpec(
            name=self.name,
            task=self.task,
            summary=self.summary,
            library=library,
            library_version=version,
            hyperparameters=self.hyperparameters(),
            space=dict(self.space) or UNSET,
            batches=True if self.learns_in_batches else UNSET,
        )

    def hyperparameters(self) -> tuple[Hyperparameter, ...]:
        """Return the hyperparameters, ordered by name."""
        hidden = {*self.leave_out, *self.fixed}
        found = {one.name: one for one in derive(self.factory) if one.name not in hidden}
        found |= {one.name: one for one in self.override}
        return tuple(found[name] for name in sorted(found))

    def build(self, given: Mapping[str, JsonValue], *, seed: int) -> Any:
        """Return an unfitted estimator with the given hyperparameters.

        `seed` fixes every random choice, and it uses one thread.
        """
        known = {one.name: one for one in self.hyperparameters()}
        chosen = {name: suited(known.get(name), value) for name, value in given.items()}
        estimator = self.factory(**self.fixed, **chosen)
        settable = estimator.get_params(deep=False)
        ours = {"random_state": seed, "n_jobs": 1}
        return estimator.set_params(**{name: ours[name] for name in ours if name in settable})

    def allowed_types(self) -> frozenset[str]:
        """Return the dotted names of all types that an artifact may hold."""
        return TRUSTED | {*self.trusted, f"{self.factory.__module__}.{self.factory.__qualname__}"}


METHODS = ("predict", "predict_proba", "decision_function", "transform")
"""The methods that predict for any rows."""

LABELS = "fit_predict"
"""The method of a clusterer without `predict`: it labels the rows that it is fitted on."""


def methods_of(pipeline: Any) -> tuple[str, ...]:
    """Return the prediction methods of a fitted pipeline."""
    found = tuple(method for method in METHODS if hasattr(pipeline, method))
    return found if "predict" in found or not hasattr(pipeline, LABELS) else (*found, LABELS)


@functools.cache
def _all_distributions() -> Mapping[str, list[str]]:
    """Return the distributions of each package; reading all their files takes a while."""
    return metadata.packages_distributions()


@functools.cache
def distribution_of(factory: Callable[..., Any]) -> tuple[str, str]:
    """Return the name and version of the installed distribution of a factory."""
    package = factory.__module__.partition(".")[0]
    name = _DISTRIBUTIONS.get(package) or next(iter(_all_distributions().get(package, ())), None)
    if name is not None:
        return name, metadata.version(name)
    return package, str(getattr(sys.modules.get(package), "__version__", "unknown"))

"""Hyperparameters from scikit-learn's own constraints.

scikit-learn checks every parameter against `_parameter_constraints`, a dict of parameter name to a
list of constraints of which one must hold (sklearn.utils._param_validation). A constraint that JSON
can express becomes a Domain; others (callables, random states, estimators) are left out, as are
parameters that scikit-learn hides or deprecates, and those that the system sets itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, Options, StrOptions

from autolearn.schemas.values import Domain, Hyperparameter, JsonValue

_OURS = frozenset(
    {"cache_size", "copy", "copy_X", "copy_x", "n_jobs", "random_state", "verbose", "warm_start"}
)
"""Parameters that the system sets, or that do not change the model."""

_UNUSABLE = frozenset({"precomputed", "pyfunc"})
"""Choices that need a matrix of distances, or a function, in place of features."""

_DEPRECATED = ("deprecated", "warn")


def derive(factory: Callable[..., Any]) -> Iterator[Hyperparameter]:
    """Yield the hyperparameters of an estimator class; none if it states no constraints."""
    constraints: dict[str, Any] = getattr(factory, "_parameter_constraints", {})
    defaults = factory().get_params(deep=False) if constraints else {}
    for name, default in defaults.items():
        if name in _OURS or name not in constraints or default in _DEPRECATED:
            continue
        allowed = constraints[name]
        if allowed == "no_validation":
            continue
        domains = tuple(domain for one in allowed for domain in domains_of(one))
        parameter = Hyperparameter(name, _as_json(default), domains)
        if domains and parameter.refusal(parameter.default) is None:
            yield parameter


def domains_of(constraint: Any) -> Iterator[Domain]:
    """Yield the domains of a constraint, as far as JSON can express it."""
    match constraint:
        case None:
            yield Domain("null")
        case "boolean":
            yield Domain("boolean")
        case "array-like":
            yield Domain("array")
        case StrOptions():
            shown = constraint.options - constraint.deprecated - _UNUSABLE
            yield Domain("string", choices=tuple(sorted(shown)))
        case Options() if issubclass(constraint.type, Real):
            shown = constraint.options - constraint.deprecated
            kind = "integer" if issubclass(constraint.type, Integral) else "number"
            yield Domain(kind, choices=tuple(sorted(_as_json(value) for value in shown)))
        case Interval():
            yield _range_of(constraint)
        case type() if constraint is dict:
            yield Domain("object")
        case type() if constraint is str:
            yield Domain("string")
        case type() if issubclass(constraint, bool):
            yield Domain("boolean")
        case type() if issubclass(constraint, Integral):
            yield Domain("integer")
        case type() if issubclass(constraint, Real):
            yield Domain("number")


def _range_of(interval: Interval) -> Domain:
    low, high = _bound(interval.left), _bound(interval.right)
    return Domain(
        "integer" if interval.type is Integral else "number",
        minimum=low,
        maximum=high,
        exclusive_minimum=low is not None and interval.closed in ("right", "neither"),
        exclusive_maximum=high is not None and interval.closed in ("left", "neither"),
    )


def _bound(end: float | None) -> float | None:
    return None if end is None or math.isinf(end) else float(end)


def _as_json(value: Any) -> JsonValue:
    return value.item() if hasattr(value, "item") else value


def suited(parameter: Hyperparameter | None, value: JsonValue) -> JsonValue:
    """Convert a JSON value for scikit-learn: to a float where only numbers are allowed.

    JSON clients write 1 for 1.0; some parameters (such as max_samples) treat them differently.
    """
    if parameter is None or isinstance(value, bool) or not isinstance(value, int):
        return value
    whole = any(one.type == "integer" and one.holds(value) for one in parameter.domains)
    number = any(one.type == "number" and one.holds(value) for one in parameter.domains)
    return float(value) if number and not whole else value

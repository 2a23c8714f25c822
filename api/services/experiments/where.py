"""Conditions on the figures of a training, such as `f1 > 0.8 and fit_seconds < 10`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from autolearn.api.http.problems import Problem, unknown
from autolearn.schemas.bounds import cut
from autolearn.schemas.catalog import metric_and_class

MOST_CONDITIONS = 20
_COMPARES: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
}
_CONDITION = re.compile(
    r"""\s*(?:"(?P<quoted>[^"]+)"|(?P<name>[^\s"<>=!]+(?:\ \((?:folds|logged)\))?))
    \s*(?P<compares>>=|<=|!=|==|>|<|=)
    \s*(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*""",
    re.VERBOSE,
)
_AND = re.compile(r"and\b\s*", re.IGNORECASE)
_APART = re.compile(r"(.+) \((folds|logged)\)")
_SECONDS = ("fit_seconds", "cpu_seconds")


class Condition(NamedTuple):
    """A figure, by the name of its column in a comparison, and what it must be."""

    name: str
    compares: Callable[[float, float], bool]
    number: float

    def holds(self, figures: Mapping[str, float]) -> bool:
        """Return whether it holds; not where there is no such figure.

        The name of a metric without a class stands for its first column, as in a comparison.
        """
        found = figures.get(self.name)
        if found is None:
            of_class = (
                value for name, value in figures.items() if metric_and_class(name)[0] == self.name
            )
            found = next(of_class, None)
        return found is not None and self.compares(found, self.number)


def conditions_in(given: str, metrics: Collection[str]) -> list[Condition]:
    """Return the conditions, all of which must hold. `metrics` are those of the catalog.

    Raises:
        Problem: it is no condition, or a metric is unknown.
    """
    found, at = list[Condition](), 0
    while not found or at < len(given):
        if found:
            joined = _AND.match(given, at)
            if joined is None:
                raise _malformed(given, at)
            at = joined.end()
        one = _CONDITION.match(given, at)
        if one is None:
            raise _malformed(given, at)
        name, at = one["quoted"] or one["name"], one.end()
        _check_name(name, metrics)
        found.append(Condition(name, _COMPARES[one["compares"]], float(one["number"])))
        if len(found) > MOST_CONDITIONS:
            raise _problem(f"At most {MOST_CONDITIONS} conditions are taken.")
    return found


def _check_name(name: str, metrics: Collection[str]) -> None:
    """Raise the problem of a name that no figure can have."""
    apart = _APART.fullmatch(name)
    if name in _SECONDS or (apart is not None and apart[2] == "logged"):
        return
    base, _ = metric_and_class(apart[1] if apart else name)
    if base not in metrics:
        known = unknown("metric", name, [*metrics, *_SECONDS], "/v1/catalog/metrics")
        raise _problem(
            f'{known.detail} A figure that you have logged is named as in "{cut(name)} (logged)".'
        )


def _malformed(given: str, at: int) -> Problem:
    rest = cut(given[at:].strip(), 60) or "the end"
    return _problem(
        f"At {rest!r} it is no condition: give METRIC OPERATOR NUMBER, joined by `and`, as in "
        "f1 > 0.8 and fit_seconds <= 10. The operators are > >= < <= = !=."
    )


def _problem(detail: str) -> Problem:
    errors = [{"parameter": "where", "detail": detail}]
    title = "The condition cannot be used"
    return Problem(422, "invalid-where", title, detail, errors=errors)

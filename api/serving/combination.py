"""Several versions or models in one answer: a vote, a mean, or each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from autolearn.api.http.problems import Problem
from autolearn.schemas.bounds import COMBINED_PARTS, cut

if TYPE_CHECKING:  # scikit-learn is imported with the first model
    from autolearn.ml.prediction.online import Answered

How = Literal["vote", "mean", "each"]
_HOW = ("vote", "mean", "each")
_PROBABILITY = "probability_"


class Combination(NamedTuple):
    """What a request combines: further versions (of this model, or NAME@VERSION), and how."""

    how: How
    others: tuple[str, ...]


def combination_in(given: Mapping[str, Sequence[str]]) -> Combination | None:
    """Return the versions that the query of a request combines, None for none.

    Raises:
        Problem: it cannot be read (422).
    """
    others = [name for one in given.get("with", ()) for name in one.split(",") if name]
    how = given.get("combine", ["each" if others else ""])[-1]
    if not others and not how:
        return None
    if how not in _HOW or not others or len(others) >= COMBINED_PARTS:
        words = (
            f"Combine 2 to {COMBINED_PARTS} versions: with=VERSION or with=MODEL@VERSION, and "
            f"combine={'|'.join(_HOW)}; got with={cut(','.join(others))!r}, combine={cut(how)!r}."
        )
        raise Problem(422, "invalid-request", "The request does not fit", words)
    return Combination(how, tuple(others))  # type: ignore[arg-type]


def combined(how: How, parts: Sequence[Answered]) -> dict[str, Any]:
    """Return the columns of the combined answer.

    `vote` takes the answer that most parts give, the earliest part's among equals. `mean` is that
    of the probabilities, with the most probable label, or of the numbers.

    Raises:
        Problem: the parts answer something else each, or have no mean (422).
    """
    names = [[*part.columns] for part in parts]
    first = parts[0].columns
    if any(sorted(one) != sorted(names[0]) for one in names):
        raise _unlike("The versions answer different columns: combine those of one task and target")
    if how == "each":
        return dict(first)
    if how == "vote":
        label = next(name for name in ("prediction", "anomaly", "cluster") if name in first)
        if label == "cluster" or first[label].dtype.kind == "f":
            raise _unlike("There is no vote on numbers and clusters: combine=mean or each will do")
        votes = [
            Counter(row).most_common(1)[0][0]
            for row in zip(*(part.columns[label].tolist() for part in parts), strict=True)
        ]
        return {label: np.array(votes)}
    shares = [name for name in first if name.startswith(_PROBABILITY)]
    means = {name: np.mean([part.columns[name] for part in parts], axis=0) for name in shares}
    if shares:
        best = np.argmax(np.array([means[name] for name in shares]), axis=0)
        labels = np.array([name.removeprefix(_PROBABILITY) for name in shares])
        return {"prediction": labels[best], **means}
    numbers = [name for name in ("prediction", "score") if name in first]
    if not numbers or first[numbers[0]].dtype.kind != "f":
        raise _unlike("These answers have no mean: combine=vote or each will do")
    return {name: np.mean([part.columns[name] for part in parts], axis=0) for name in numbers}


def as_recorded(parts: Mapping[str, Answered]) -> dict[str, Any]:
    """Return the columns of all parts, each named after its version, for the prediction log."""
    return {
        f"{at}.{name}": values
        for at, part in parts.items()
        for name, values in part.columns.items()
    }


def _unlike(words: str) -> Problem:
    return Problem(422, "other-task", "The versions cannot be combined", f"{words}.")

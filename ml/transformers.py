"""Transformers that scikit-learn lacks. Artifacts name them: a class here keeps name and place.

Each takes float64 arrays or data frames of shape (rows, columns), NaN where missing, and gives a
float64 array.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectorMixin, f_classif, f_regression
from sklearn.utils.validation import check_is_fitted, validate_data

Array = np.ndarray[Any, Any]

_DAY = 86_400


class _NumberTransformer(TransformerMixin, BaseEstimator):
    """A transformer of numbers with gaps."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _checked(self, values: Any, *, reset: bool) -> Array:
        checks: dict[str, Any] = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}
        return np.asarray(validate_data(self, values, reset=reset, **checks))


class QuantileClipper(OneToOneFeatureMixin, _NumberTransformer):
    """Limits each column to its quantiles `quantile` and 1 - `quantile` (winsorizing)."""

    def __init__(self, quantile: float = 0.01) -> None:
        self.quantile = quantile

    def fit(self, values: Any, y: object = None) -> Self:
        """Find the quantiles of the present values."""
        columns = [column[~np.isnan(column)] for column in self._checked(values, reset=True).T]
        ends = [self.quantile, 1 - self.quantile]
        found = [np.quantile(one, ends) if len(one) else (-np.inf, np.inf) for one in columns]
        self.lower_, self.upper_ = np.array(found).T
        return self

    def transform(self, values: Any) -> Array:
        """Return the limited values."""
        check_is_fitted(self)
        return np.clip(self._checked(values, reset=False), self.lower_, self.upper_)


class SignedLog(OneToOneFeatureMixin, _NumberTransformer):
    """Takes sign(x) log(1 + |x|), which has a value for every number and 0 for 0."""

    def fit(self, values: Any, y: object = None) -> Self:
        """Check the columns; nothing is learned."""
        self._checked(values, reset=True)
        return self

    def transform(self, values: Any) -> Array:
        """Return the logarithms."""
        check_is_fitted(self, "n_features_in_")
        checked = self._checked(values, reset=False)
        return np.sign(checked) * np.log1p(np.abs(checked))


class DateParts(_NumberTransformer):
    """Replaces times (seconds since 1970, UTC) by some of their `parts`.

    `year`, `quarter` and `month` are those of the calendar, `day` and `day-of-year` count from 1,
    `weekday` is 0 on Mondays, `hour` and `minute` are those of the day, `time` is the time itself.
    A part that is the same in all rows it is fitted on is left out, unless all of a column are.
    """

    def __init__(
        self, parts: tuple[str, ...] = ("year", "month", "day", "weekday", "hour")
    ) -> None:
        self.parts = parts

    def fit(self, values: Any, y: object = None) -> Self:
        """Find the parts that differ between rows."""
        self.kept_ = []
        for column in self._checked(values, reset=True).T:
            found = [part for part in self.parts if _differs(_part_of(column, part))]
            self.kept_.append(found or [self.parts[0]])
        return self

    def transform(self, values: Any) -> Array:
        """Return the kept parts of each column."""
        check_is_fitted(self)
        columns = self._checked(values, reset=False).T
        pairs = zip(columns, self.kept_, strict=True)
        return np.column_stack([_part_of(column, part) for column, kept in pairs for part in kept])

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return a name such as signup_year for each part."""
        names = self.feature_names_in_ if input_features is None else input_features
        pairs = zip(names, self.kept_, strict=True)
        return np.array([f"{name}_{part}" for name, kept in pairs for part in kept], dtype=object)


def _differs(values: Array) -> bool:
    present = values[~np.isnan(values)]
    return len(present) > 0 and bool((present != present[0]).any())


def _part_of(seconds: Array, part: str) -> Array:
    """Return one part of times, NaN where missing."""
    if part == "time":
        return seconds
    missing = np.isnan(seconds)
    whole = np.floor(np.where(missing, 0.0, seconds)).astype(np.int64)
    days = whole // _DAY
    dates = days.astype("datetime64[D]")
    months, years = dates.astype("datetime64[M]"), dates.astype("datetime64[Y]")
    month = months.astype(np.int64) % 12 + 1
    match part:
        case "year":
            found = years.astype(np.int64) + 1970
        case "quarter":
            found = (month - 1) // 3 + 1
        case "month":
            found = month
        case "day":
            found = (dates - months).astype(np.int64) + 1
        case "day-of-year":
            found = (dates - years).astype(np.int64) + 1
        case "weekday":
            found = (days + 3) % 7  # 1970-01-01 was a Thursday
        case "hour":
            found = whole % _DAY // 3_600
        case "minute":
            found = whole % 3_600 // 60
        case _:
            raise ValueError(f"{part!r} is no part of a time")
    return np.where(missing, np.nan, found)


class TextVectorizer(TransformerMixin, BaseEstimator):
    """Weighs the words of one column of text by TF-IDF, as scikit-learn's TfidfVectorizer does.

    The `max_features` most frequent words are kept, of those in at least `min_df` rows (a number,
    or a fraction below 1); of equally frequent ones the first in the alphabet. Missing texts are
    empty. It gives a sparse array.
    """

    def __init__(self, max_features: int = 1_000, min_df: int | float = 1) -> None:
        self.max_features, self.min_df = max_features, min_df

    def fit(self, values: Any, y: object = None) -> Self:
        """Find the words and their weights. Raises ValueError when there are none."""
        texts, counter = _texts(values), CountVectorizer(min_df=self.min_df)
        try:
            counts = counter.fit_transform(texts)
        except ValueError as error:
            name = getattr(values, "columns", ["a text"])[0]
            few = f" in {self.min_df} rows" if self.min_df != 1 else ""
            raise ValueError(f"{name} has no word{few} of these {len(texts)}") from error
        totals = np.asarray(counts.sum(axis=0)).ravel()
        kept = np.sort(np.argsort(-totals, kind="stable")[: self.max_features])
        self.words_ = counter.get_feature_names_out()[kept].tolist()
        self.idf_ = TfidfTransformer().fit(counts[:, kept]).idf_
        return self

    def transform(self, values: Any) -> Any:
        """Return the weights of the words, a row for each text."""
        check_is_fitted(self)
        vectorizer = TfidfVectorizer(vocabulary=self.words_)
        vectorizer.idf_ = self.idf_
        return vectorizer.transform(_texts(values))

    def get_feature_names_out(self, input_features: Any) -> Array:
        """Return a name such as notes_price for each word."""
        return np.array([f"{input_features[0]}_{word}" for word in self.words_], dtype=object)


def _texts(values: Any) -> list[str]:
    return [one if isinstance(one, str) else "" for one in np.asarray(values).ravel()]


class FeatureSelector(SelectorMixin, BaseEstimator):
    """Keeps the features with the highest scores: `keep` of them, or that fraction.

    `score` is f_classif, f_regression (the F statistics of scikit-learn), or variance. Constant
    features come last; of equal ones the first is kept.
    """

    def __init__(self, keep: int | float = 0.5, score: str = "f_classif") -> None:
        self.keep, self.score = keep, score

    def fit(self, values: Any, y: Any = None) -> Self:
        """Score the features."""
        checked = validate_data(self, values, dtype=np.float64)
        variances = checked.var(axis=0)
        scores = np.full(len(variances), -np.inf)
        varied = variances > 0
        if varied.any():
            scores[varied] = self._scored(checked[:, varied], variances[varied], y)
        count = int(self.keep) if self.keep >= 1 else max(1, round(self.keep * len(scores)))
        self.scores_ = scores
        self.support_ = np.zeros(len(scores), dtype=bool)
        self.support_[np.argsort(-scores, kind="stable")[:count]] = True
        return self

    def _scored(self, values: Array, variances: Array, y: Any) -> Array:
        if self.score == "variance":
            return variances
        with np.errstate(divide="ignore"):  # where a feature separates the classes, it is infinite
            found = (f_regression if self.score == "f_regression" else f_classif)(values, y)[0]
        return np.where(np.isnan(found), -np.inf, found)

    def _get_support_mask(self) -> Array:
        check_is_fitted(self)
        return self.support_

"""From a data frame with gaps and categories to the numbers that an estimator learns from.

Numbers (and timestamps, which are seconds) are imputed and scaled; strings and booleans are
imputed with the most frequent one and encoded. Everything is fitted on training rows only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from autolearn.ml.errors import InputError
from autolearn.schemas.values import Preprocessing

_MOST_CATEGORIES = 256
"""A feature's rarer categories share one column, so that text cannot exhaust the memory."""

_IMPUTERS = {"mean": "mean", "median": "median", "most-frequent": "most_frequent"}
_SCALERS: dict[str, Any] = {"standard": StandardScaler, "min-max": MinMaxScaler, "none": None}
_NUMERIC = ("integer", "number", "timestamp")


def preprocessor(types: Mapping[str, str], how: Preprocessing) -> ColumnTransformer:
    """Return the unfitted transformer for features of these column types.

    It gives a dense float64 array: the numeric columns first, then the encoded ones. Categories
    that were not seen in training become zeros (one-hot) or -1 (ordinal). Raises InputError.
    """
    numbers = [name for name, kind in types.items() if kind in _NUMERIC]
    categories = [name for name in types if name not in numbers]
    parts = []
    if numbers:
        parts.append(("numbers", _numeric(how), numbers))
    if categories:
        parts.append(("categories", _categorical(how), categories))
    return ColumnTransformer(parts, sparse_threshold=0, n_jobs=1, verbose_feature_names_out=False)


def name_apart(fitted: ColumnTransformer) -> None:
    """Make the feature names of a fitted transformer unique.

    A column's name may equal that of another one's category, such as sex_male.
    """
    try:
        fitted.get_feature_names_out()
    except ValueError:
        fitted.verbose_feature_names_out = True


def _numeric(how: Preprocessing) -> Pipeline:
    """Impute and scale."""
    strategy = _chosen("impute", how.impute, _IMPUTERS)
    scaler = _chosen("scale", how.scale, _SCALERS)
    steps: list[tuple[str, Any]] = [
        ("impute", SimpleImputer(strategy=strategy, keep_empty_features=True))
    ]
    if scaler is not None:
        steps.append(("scale", scaler()))
    return Pipeline(steps)


def _categorical(how: Preprocessing) -> Pipeline:
    """Impute and encode."""
    encoders: dict[str, Any] = {
        "one-hot": OneHotEncoder(
            handle_unknown="ignore", max_categories=_MOST_CATEGORIES, sparse_output=False
        ),
        "ordinal": OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, max_categories=_MOST_CATEGORIES
        ),
    }
    imputer = SimpleImputer(
        strategy="most_frequent", missing_values=np.nan, keep_empty_features=True
    )
    encoder = _chosen("encode", how.encode, encoders)
    return Pipeline([("impute", imputer), ("encode", encoder)])


def _chosen(what: str, word: str, offered: Mapping[str, Any]) -> Any:
    """Return the meaning of a word. Raises InputError when it has none."""
    if word not in offered:
        raise InputError(
            f"{word!r} is no way to {what}", advice=f"Choose one of {', '.join(offered)}."
        )
    return offered[word]

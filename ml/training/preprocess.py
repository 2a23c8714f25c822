"""From a data frame with gaps and categories to the numbers that an estimator learns from.

Columns of which the same is done are one part of a ColumnTransformer. Numbers (and timestamps,
which are seconds, or their parts) are clipped, imputed, put on a logarithmic scale and scaled;
strings and booleans are imputed and encoded, or their words are weighed. Everything is fitted on
training rows only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import UNSET
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from autolearn.ml.errors import InputError
from autolearn.ml.transformers import (
    DateParts,
    FeatureSelector,
    QuantileClipper,
    SignedLog,
    TextVectorizer,
)
from autolearn.schemas.bounds import MIB
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.training.preprocess import (
    NUMBERS,
    ColumnPreprocessing,
    Preprocessing,
    misfits,
)

if TYPE_CHECKING:
    import pandas as pd

_MOST_CATEGORIES = 256
"""A feature's rarer categories share one column, so that text cannot exhaust the memory."""
_MOST_WORDS = 1_000
"""The words of a text column that are kept, the most frequent ones, unless a number is given."""

_IMPUTERS = {
    "mean": "mean",
    "median": "median",
    "most-frequent": "most_frequent",
    "constant": "constant",
}
_SCALERS: dict[str, Any] = {
    "standard": StandardScaler,
    "min-max": MinMaxScaler,
    "robust": RobustScaler,
    "none": None,
}
_LABELS = {True: "true", False: "false"}
"""The form of a boolean among features."""


def preprocessor(
    types: Mapping[str, str], how: Preprocessing, task: str = "", seed: int = 0
) -> ColumnTransformer:
    """Return the unfitted transformer for features of these column types.

    It gives a dense float64 array: the numeric columns first, then the encoded ones, the words of
    text, and the indicators of gaps. Categories that were not seen in training become zeros or the
    rare ones (one-hot), -1 (ordinal) or the mean (target). Raises InputError.
    """
    for _, why in misfits(how, types, task):
        raise InputError(why, advice="Choose another preprocessing, or other features.")
    numbers: dict[ColumnPreprocessing, list[str]] = {}
    categories: dict[ColumnPreprocessing, list[str]] = {}
    texts: dict[str, ColumnPreprocessing] = {}
    marked = []
    for name, kind in types.items():
        own = how.of(name, kind)
        if own.encode == "tf-idf":
            texts[name] = own
        else:
            (numbers if kind in NUMBERS else categories).setdefault(own, []).append(name)
        if own.indicator:
            marked.append(name)
    parts: list[tuple[str, Any, list[str]]] = []
    for one, names in numbers.items():
        parts.append((_numbered("numbers", parts), _numeric(one), names))
    first = len(parts)
    for one, names in categories.items():
        part = _categorical(one, task, seed)
        parts.append((_numbered("categories", parts[first:]), part, names))
    first = len(parts)
    for name, one in texts.items():
        parts.append((_numbered("text", parts[first:]), _vectorizer(one), [name]))
    if marked:
        parts.append(("gaps", MissingIndicator(error_on_new=False), marked))
    return ColumnTransformer(parts, sparse_threshold=0, n_jobs=1, verbose_feature_names_out=False)


def _numbered(name: str, before: list[Any]) -> str:
    """Return the name of a part; the first one has no number."""
    return f"{name}-{len(before) + 1}" if before else name


def name_apart(fitted: ColumnTransformer) -> None:
    """Make the feature names of a fitted transformer unique.

    A column's name may equal that of another one's category, such as sex_male.
    """
    try:
        fitted.get_feature_names_out()
    except ValueError:
        fitted.verbose_feature_names_out = True


def _numeric(how: ColumnPreprocessing) -> Pipeline:
    """Clip, impute and scale. Gaps are filled with a constant on the scale of the data."""
    scaler = _chosen("scale", how.scale, _SCALERS)
    steps: list[tuple[str, Any]] = []
    if how.dates:
        steps.append(("dates", DateParts(how.dates)))
    if how.clip:
        steps.append(("clip", QuantileClipper(how.clip)))
    steps.append(("impute", _imputer(how)))
    if how.log:
        steps.append(("log", SignedLog()))
    if scaler is not None:
        steps.append(("scale", scaler()))
    return Pipeline(steps)


def _imputer(how: ColumnPreprocessing, **more: Any) -> SimpleImputer:
    strategy = _chosen("impute", how.impute, _IMPUTERS)
    if strategy == "constant":
        value = how.fill_value
        more["fill_value"] = _LABELS[value] if isinstance(value, bool) else value
    return SimpleImputer(strategy=strategy, keep_empty_features=True, **more)


def _categorical(how: ColumnPreprocessing, task: str, seed: int) -> Pipeline:
    """Impute and encode."""
    few: dict[str, Any] = {"max_categories": _MOST_CATEGORIES}
    unknown = "ignore"
    if how.min_frequency:
        few["min_frequency"], unknown = how.min_frequency, "infrequent_if_exist"
    encoders: dict[str, Any] = {
        "one-hot": OneHotEncoder(handle_unknown=unknown, sparse_output=False, **few),
        "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, **few),
        "target": _target_encoder(task, seed),
    }
    encoder = _chosen("encode", how.encode, encoders)
    return Pipeline([("impute", _imputer(how, missing_values=np.nan)), ("encode", encoder)])


def _vectorizer(how: ColumnPreprocessing) -> TextVectorizer:
    return TextVectorizer(how.max_features or _MOST_WORDS, how.min_frequency or 1)


def selector(how: Preprocessing, task: str) -> FeatureSelector | None:
    """Return the unfitted selection of features, if there is one: by the target, or by variance."""
    scores = {CLASSIFICATION: "f_classif", REGRESSION: "f_regression"}
    return FeatureSelector(how.select, scores.get(task, "variance")) if how.select else None


def check_words(
    features: pd.DataFrame, types: Mapping[str, str], how: Preprocessing, memory: int
) -> None:
    """Raise InputError when the words of texts need more than `memory` (MiB), as a dense array."""
    texts = {
        name: own for name, kind in types.items() if (own := how.of(name, kind)).encode == "tf-idf"
    }
    cell = 2 * 8 * len(features) / MIB  # joining the parts copies them
    if cell * sum(own.max_features or _MOST_WORDS for own in texts.values()) <= memory:
        return
    words = sum(len(_vectorizer(own).fit(features[[name]]).words_) for name, own in texts.items())
    if cell * words > memory:
        raise InputError(
            f"{words:,} words in {len(features):,} rows need {cell * words:,.0f} MiB, and the run "
            f"may use {memory:,}",
            advice="Keep fewer words (max_features, such as --encode "
            f"{next(iter(texts))}=tf-idf:{max(1, int(memory / cell / len(texts) / 2)):,}), leave "
            "out rare ones (min_frequency), or raise the memory limit.",
        )


def _target_encoder(task: str, seed: int) -> TargetEncoder:
    """Encode by the target's mean, cross-fitted (Micci-Barreca 2001)."""
    folds = {"n_splits": 5, "shuffle": True, "random_state": seed}
    if task == REGRESSION:
        return TargetEncoder(target_type="continuous", cv=KFold(**folds))
    return TargetEncoder(cv=StratifiedKFold(**folds))


def _chosen(what: str, word: Any, offered: Mapping[str, Any]) -> Any:
    """Return the meaning of a word. Raises InputError when it has none."""
    if word is UNSET or word not in offered:
        raise InputError(
            f"{word!r} is no way to {what}", advice=f"Choose one of {', '.join(offered)}."
        )
    return offered[word]

"""The preprocessing of a training in batches: scikit-learn's own transformers, fitted so.

They are fitted on a sample; then what the first reading knows exactly is put in its place: the
means that fill gaps, the mean and variance (or the bounds) that scale, the categories and which of
them are rare, the columns that have gaps. Scales after a clip, and of parts of times, and words
keep what the sample says, as medians do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.preprocessing._data import _handle_zeros_in_scale, _is_constant_feature

from autolearn.ml.training.batches.statistics import Statistics, TextCounts
from autolearn.ml.transformers import SignedLog

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


class ExactScale:
    """Mean, variance and bounds of some columns of numbers, as the scaler of a part sees them."""

    def __init__(self, names: list[str], part: Pipeline) -> None:
        self.names, self.has_log = names, "log" in part.named_steps
        self.rows, self.mean, self.squares = (np.zeros(len(names)) for _ in range(3))
        self.minimum, self.maximum = np.full(len(names), np.inf), np.full(len(names), -np.inf)

    def add(self, features: pd.DataFrame) -> None:
        """Learn from the present values of training rows."""
        values = self._logarithms(features[self.names].to_numpy(np.float64))
        gaps = np.isnan(values)
        rows = len(values) - gaps.sum(axis=0)
        mean = np.where(gaps, 0.0, values).sum(axis=0) / np.maximum(rows, 1)
        squares = (np.where(gaps, 0.0, values - mean) ** 2).sum(axis=0)
        self._merge(rows, mean, squares)
        least, most = np.where(gaps, np.inf, values), np.where(gaps, -np.inf, values)
        self.minimum = np.minimum(self.minimum, least.min(axis=0, initial=np.inf))
        self.maximum = np.maximum(self.maximum, most.max(axis=0, initial=-np.inf))

    def _logarithms(self, values: Array) -> Array:
        return np.asarray(SignedLog().fit(values).transform(values)) if self.has_log else values

    def _merge(self, rows: Array, mean: Array, squares: Array) -> None:
        """Add a group of rows (Chan, Golub and LeVeque 1979)."""
        together = self.rows + rows
        share = rows / np.maximum(together, 1)
        apart = mean - self.mean
        self.squares += squares + apart**2 * self.rows * share
        self.mean += apart * share
        self.rows = together

    def set(self, scaler: Any, fills: Array, missing: Array) -> None:
        """Fit the scaler, of which these values fill so many gaps in each column."""
        filled = self._logarithms(fills[None])[0]
        self._merge(missing, filled, np.zeros(len(filled)))
        if isinstance(scaler, StandardScaler):
            scaler.mean_, scaler.var_ = self.mean, self.squares / self.rows
            constant = _is_constant_feature(scaler.var_, scaler.mean_, self.rows)
            root = np.sqrt(scaler.var_)
            scaler.scale_ = _handle_zeros_in_scale(root, constant_mask=constant)
        else:
            gaps = missing > 0
            low = np.where(gaps, np.minimum(self.minimum, filled), self.minimum)
            high = np.where(gaps, np.maximum(self.maximum, filled), self.maximum)
            scaler.fit(np.array([low, high]))
        scaler.n_samples_seen_ = int(self.rows[0])


def exact_scales(unfitted: ColumnTransformer) -> dict[str, ExactScale]:
    """Return the scalers that can be fitted batch by batch, by the name of their part."""
    return {
        name: ExactScale(list(columns), part)
        for name, part, columns in unfitted.transformers
        if isinstance(part, Pipeline)
        and isinstance(part.named_steps.get("scale"), StandardScaler | MinMaxScaler)
        and not {"clip", "dates"} & part.named_steps.keys()
    }


def fit_preprocessor(
    unfitted: ColumnTransformer, found: Statistics, scales: Mapping[str, ExactScale]
) -> ColumnTransformer:
    """Fit the transformer of `ml.training.preprocess` on what a first reading has found."""
    sample = found.sample.rows()
    assert sample is not None, "there are training rows"
    unfitted.fit(sample.features, sample.answers)
    means, places = found.numbers.means(), {n: at for at, n in enumerate(found.numbers.names)}
    for name, part, columns in unfitted.transformers_:
        if isinstance(part, MissingIndicator):
            gaps = [
                found.numbers.missing[places[one]] if one in places else found.texts[one].missing
                for one in columns
            ]
            part.features_ = np.flatnonzero(gaps)
        elif isinstance(part, Pipeline) and name.startswith("numbers"):
            imputer = part.named_steps["impute"]
            if imputer.strategy == "mean" and not {"clip", "dates"} & part.named_steps.keys():
                known = [means.get(one, 0.0) for one in columns]
                imputer.statistics_ = np.array(known, dtype=np.float64)
            if name in scales:
                missing = np.array([found.numbers.missing[places[one]] for one in columns])
                fills = imputer.statistics_.astype(np.float64)
                scales[name].set(part.named_steps["scale"], fills, missing)
        elif isinstance(part, Pipeline) and name.startswith("categories"):
            _fit_categories(part, [found.texts[one] for one in columns])
    first = sample.features.head(1)
    made = [part.transform(first[list(columns)]) for _, part, columns in unfitted.transformers_]
    unfitted._record_output_indices(made)
    return unfitted


def _fit_categories(part: Pipeline, columns: list[TextCounts]) -> None:
    """Fit the steps that fill gaps and encode, on counts in place of rows."""
    imputer, encoder = part.named_steps["impute"], part.named_steps["encode"]
    fills, counts = [], []
    for at, one in enumerate(columns):
        fill = imputer.statistics_[at]
        if imputer.strategy == "most_frequent" and one.training:
            most = max(one.training.values())
            fill = min(text for text, rows in one.training.items() if rows == most)
        known = dict(one.training)
        if one.missing or not known:
            known[fill] = known.get(fill, 0) + one.missing
        fills.append(fill)
        counts.append(dict(sorted(known.items())))
    imputer.statistics_ = np.array(fills, dtype=object)
    longest = max(map(len, counts))
    table = np.empty((longest, len(counts)), dtype=object)
    for at, known in enumerate(counts):
        texts = [*known]
        table[:, at] = texts + texts[:1] * (longest - len(texts))
    encoder.fit(table)
    if encoder._infrequent_enabled:
        rows = sum(counts[0].values())
        of_each = [np.array([*known.values()]) for known in counts]
        encoder._fit_infrequent_category_mapping(rows, of_each, {})
    if isinstance(encoder, OneHotEncoder):
        encoder._set_drop_idx()
        encoder._n_features_outs = encoder._compute_n_features_outs()

"""The first reading of a training in batches: what its preprocessing learns, and what is recorded.

Exact, whatever the batches: counts, gaps, means, minima and maxima of numbers, the rows of each
category and class. Quantiles (medians, and what is robust, clipped, or a profile) are those of a
uniform sample: the rows with the smallest hashes of their numbers, all rows if they are few. Of
100,000 rows the sampled median is between the quantiles 0.495 and 0.505 of all, nearly always
(its rank deviates by 0.5 / sqrt(n), 0.16 %, in the mean square).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from autolearn.ml.datasets.row_batches import UsableRows
from autolearn.ml.datasets.sampled_rows import SampledRows
from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import cut

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

_SAMPLE, _SAMPLE_CELLS = 100_000, 5_000_000
_SHOWN = 10_000
"""Held-out rows that are kept for examples, scores, and the check of a plan."""
_MOST_DIFFERENT = 100_000
"""Different texts of a column that are counted."""


class TextCounts:
    """The texts of a column: the rows of each in the training, and those that it has anywhere."""

    def __init__(self, name: str, *, needed: bool) -> None:
        self.name, self.needed = name, needed
        self.training, self.everywhere = Counter[str](), dict[str, None]()
        self.missing, self.missing_anywhere = 0, 0
        self.is_whole = True

    def add(self, column: pd.Series[Any], fitted: Array) -> None:
        """Count the rows; `fitted` marks those of the training. Raises InputError."""
        import pandas as pd

        codes, different = pd.factorize(column)
        gaps = codes < 0
        self.missing += int((gaps & fitted).sum())
        self.missing_anywhere += int(gaps.sum())
        if not self.is_whole:
            return
        counts = np.bincount(codes[fitted & ~gaps], minlength=len(different)).tolist()
        for text, count in zip(different, counts, strict=True):
            self.everywhere[text] = None
            if count:
                self.training[text] += count
        if len(self.everywhere) > _MOST_DIFFERENT:
            if self.needed:
                raise InputError(
                    f"column {cut(self.name)} has more than {_MOST_DIFFERENT:,} different texts, "
                    "the most that a training in batches counts",
                    advice="Leave the column out, or weigh its words (--encode "
                    f"{cut(self.name)}=tf-idf).",
                )
            self.is_whole, self.everywhere = False, {}


class _NumberCounts:
    """Columns of numbers: in the training rows gaps and sums, in all rows gaps and bounds."""

    def __init__(self, names: list[str]) -> None:
        self.names, width = names, len(names)
        self.count, self.missing = np.zeros(width, np.int64), np.zeros(width, np.int64)
        self.sum, self.missing_anywhere = np.zeros(width), np.zeros(width, np.int64)
        self.minimum, self.maximum = np.full(width, np.inf), np.full(width, -np.inf)

    def add(self, features: pd.DataFrame, fitted: Array) -> None:
        """Count rows; `fitted` marks those of the training."""
        for at, name in enumerate(self.names):
            values = features[name].to_numpy()
            gaps = np.isnan(values)
            present = values[~gaps]
            self.missing_anywhere[at] += len(values) - len(present)
            if len(present):
                self.minimum[at] = min(self.minimum[at], present.min())
                self.maximum[at] = max(self.maximum[at], present.max())
            used = values[fitted & ~gaps]
            self.sum[at] += used.sum()
            self.count[at] += len(used)
            self.missing[at] += int(fitted.sum()) - len(used)

    def means(self) -> dict[str, float]:
        """Return the mean of each column that has a value in the training rows."""
        return {
            name: float(self.sum[at] / self.count[at])
            for at, name in enumerate(self.names)
            if self.count[at]
        }


class Statistics:
    """What a first reading finds. `encoded` are the columns of text whose categories are needed."""

    def __init__(self, types: Mapping[str, str], encoded: Collection[str], seed: int) -> None:
        numbers = [name for name, kind in types.items() if kind not in ("string", "boolean")]
        self.types, self.numbers = types, _NumberCounts(numbers)
        self.texts = {
            name: TextCounts(name, needed=name in encoded) for name in types if name not in numbers
        }
        most = max(1_000, min(_SAMPLE, _SAMPLE_CELLS // max(1, len(types))))
        self.sample, self.shown = SampledRows(most, seed), SampledRows(min(most, _SHOWN), seed)
        self.rows_train = self.rows_test = 0
        self.classes, self.classes_anywhere = Counter[str](), dict[str, None]()
        self.class_weights = Counter[str]()
        self.answer_sum, self.weight_sum = 0.0, 0.0

    def add(self, batch: UsableRows, *, labels: bool) -> None:
        """Take a batch into account; the answers are `labels` or numbers. Raises InputError."""
        fitted = ~batch.held_out
        self.numbers.add(batch.features, fitted)
        for name, texts in self.texts.items():
            texts.add(batch.features[name], fitted)
        training = batch if fitted.all() else batch.take(fitted)
        self.rows_train += len(training.numbers)
        self.rows_test += len(batch.numbers) - len(training.numbers)
        self.sample.add(training)
        self.shown.add(batch.take(batch.held_out))
        if batch.answers is None or training.answers is None:
            return
        weights = np.ones(len(training.numbers)) if training.weights is None else training.weights
        self.weight_sum += float(weights.sum())
        if not labels:
            self.answer_sum += float((training.answers * weights).sum())
            return
        self.classes_anywhere |= dict.fromkeys(np.unique(batch.answers).tolist())
        found, codes = np.unique(training.answers, return_inverse=True)
        sums = np.bincount(codes, weights, len(found)).tolist()
        counts = np.bincount(codes, minlength=len(found)).tolist()
        for label, rows, weight in zip(found.tolist(), counts, sums, strict=True):
            self.classes[label] += rows
            self.class_weights[label] += weight

    def columns(self, sensitive: Collection[str], most: int) -> Iterable[dict[str, Any]]:
        """Yield the columns of `schema.json`, with up to `most` categories each."""
        places = {name: at for at, name in enumerate(self.numbers.names)}
        for name, kind in self.types.items():
            found: dict[str, Any] = {"name": name, "type": kind}
            if name in places:
                at = places[name]
                missing = int(self.numbers.missing_anywhere[at])
                if np.isfinite(self.numbers.minimum[at]) and name not in sensitive:
                    found["minimum"] = float(self.numbers.minimum[at])
                    found["maximum"] = float(self.numbers.maximum[at])
            else:
                texts = self.texts[name]
                missing = texts.missing_anywhere
                if texts.is_whole and len(texts.everywhere) <= most and name not in sensitive:
                    found["categories"] = sorted(texts.everywhere)
            found["nullable"] = missing > 0
            if name in sensitive:
                found["sensitive"] = True
            yield found

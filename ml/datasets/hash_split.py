"""Holds rows out by a hash, so that each row's part is known without the others.

A row number is mixed by SplitMix64 (Steele, Lea and Flood 2014), a text by BLAKE2b, both with the
seed; a row is held out if its hash is below the fraction of all hashes. Of a whole row the values
are mixed, in the order of the names of their columns.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from autolearn.artifacts.datasets.table import NUMERIC, DatasetTable

Array = np.ndarray[Any, Any]

_STEP, _FIRST, _SECOND = (
    np.uint64(one) for one in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


_ABSENT = np.uint64(0xD1B54A32D192ED03)
"""The hash of a missing value."""


def is_below(hashes: Array, share: float) -> Array:
    """Return which hashes (uint64) are below a fraction, in (0, 1), of all hashes."""
    return hashes < np.uint64(int(share * 2**64))


def hashes_of_numbers(numbers: Array, seed: int) -> Array:
    """Return a hash (uint64) for each row number, or for each hash of a whole row."""
    with np.errstate(over="ignore"):
        mixed = numbers.astype(np.uint64) * _STEP + _mixed(np.array([seed + 1], np.uint64) * _STEP)
        return _mixed(mixed)


def _mixed(values: Array) -> Array:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return np.asarray(values ^ (values >> np.uint64(31)))


def hashes_of_texts(texts: Array, seed: int) -> Array:
    """Return a hash (uint64) for each text, equal for equal ones."""
    import pandas as pd

    codes, different = pd.factorize(texts)
    key = seed.to_bytes(8, "little")
    digests = (hashlib.blake2b(one.encode(), digest_size=8, key=key) for one in different)
    return np.array([int.from_bytes(one.digest(), "little") for one in digests], np.uint64)[codes]


def hashes_of_rows(table: DatasetTable) -> Array:
    """Return a hash (uint64) for each row, of all its values: equal for equal rows."""
    whole = np.zeros(table.rows, np.uint64)
    with np.errstate(over="ignore"):
        for name in sorted(table.arrays):
            whole = _mixed(whole * _STEP + _hashes_of_values(table, name))
    return whole


def _hashes_of_values(table: DatasetTable, name: str) -> Array:
    if table.types[name] in NUMERIC:
        numbers = table.numbers(name)
        values = _mixed((numbers + 0.0).view(np.uint64) + _STEP)  # -0.0 is 0.0
        return np.asarray(np.where(np.isnan(numbers), _ABSENT, values))
    places, texts = table.codes(name)
    return np.asarray(np.append(hashes_of_texts(np.array(texts, dtype=object), 0), _ABSENT)[places])

"""Collects the warnings of libraries instead of printing them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from autolearn.ml.library_messages import warning


@contextmanager
def heard() -> Iterator[list[str]]:
    """Yield a list that holds each warning for the user once, in words.

    It is filled after the block has ended without an error.
    """
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    told = (warning(one.category, str(one.message)) for one in caught)
    said += dict.fromkeys(words for words in told if words)

"""What libraries warn of, collected instead of printed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["heard"]


@contextmanager
def heard() -> Iterator[list[str]]:
    """Yield a list that holds each warning once after the block has ended without an error."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    said += dict.fromkeys(f"{one.category.__name__}: {one.message}" for one in caught)

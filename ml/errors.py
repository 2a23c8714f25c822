"""A run that cannot succeed because of what was asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from autolearn.schemas.errors import AutoLearnError

__all__ = ["InputError", "WorkFailed", "numbered", "quietly"]


class InputError(AutoLearnError):
    """The request does not fit the data or the model; another attempt would end the same way.

    A run that raises it fails with the reason `input` and these words; with `quiet` in their place
    where values of the data must not be told.
    """

    title = "The run cannot be done with this input"

    def __init__(self, detail: str, *, advice: str = "", quiet: str = "") -> None:
        super().__init__(detail, advice=advice)
        self.quiet = quiet or detail


class WorkFailed(AutoLearnError):
    """A run has failed for a reason of which no more may be told."""

    title = "The run has failed"


@contextmanager
def quietly(sensitive: Collection[str]) -> Iterator[None]:
    """Leave out of the words of errors what may be a value, if there are `sensitive` columns."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if not sensitive:
            raise
        if isinstance(error, InputError):
            raise InputError(error.quiet, advice=error.advice) from None
        why = "its words are left out, for columns of the dataset are sensitive"
        raise WorkFailed(f"{type(error).__name__}: {why}") from None


def numbered(labels: Sequence[object]) -> list[str]:
    """Return what stands for labels that must not be told: their numbers, from 1."""
    return [str(number) for number, _ in enumerate(labels, 1)]

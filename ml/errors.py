"""Errors of runs that cannot succeed, because of their request."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from autolearn.schemas.errors import AutoLearnError


class InputError(AutoLearnError):
    """The request does not fit the data or the artifact; another attempt would fail alike.

    A run that raises it fails with the reason `input` and this message, or with `quiet` where
    values of the data are hidden.
    """

    title = "The run cannot be done with this input"

    def __init__(self, detail: str, *, advice: str = "", quiet: str = "") -> None:
        super().__init__(detail, advice=advice)
        self.quiet = quiet or detail


class WorkFailed(AutoLearnError):
    """A run has failed for a reason whose details are hidden."""

    title = "The run has failed"


class Interrupted(AutoLearnError):
    """Something besides the run's process is gone that it needs: another attempt may succeed."""

    title = "The run was interrupted"


class Pruned(AutoLearnError):
    """A trial of a study has ended early: its folds are worse than the median of others."""

    title = "The trial was pruned"


@contextmanager
def quietly(sensitive: Collection[str]) -> Iterator[None]:
    """Hide messages of errors, which may hold values, if there are `sensitive` columns."""
    try:
        yield
    except (MemoryError, Pruned, Interrupted):
        raise
    except Exception as error:
        if not sensitive:
            raise
        if isinstance(error, InputError):
            raise InputError(error.quiet, advice=error.advice) from None
        why = "its words are left out, for columns of the dataset are sensitive"
        raise WorkFailed(f"{type(error).__name__}: {why}") from None


def numbered(labels: Sequence[object]) -> list[str]:
    """Return numbers, from 1, in place of hidden labels."""
    return [str(number) for number, _ in enumerate(labels, 1)]

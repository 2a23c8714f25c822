"""A run that cannot succeed because of what was asked."""

from __future__ import annotations

from autolearn.schemas.errors import AutoLearnError

__all__ = ["InputError"]


class InputError(AutoLearnError):
    """The request does not fit the data or the model; another attempt would end the same way.

    A run that raises it fails with the reason `input` and these words.
    """

    title = "The run cannot be done with this input"

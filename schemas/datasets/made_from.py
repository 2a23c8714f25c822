"""What a version of a dataset was made of, as who registered it said."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

MadeHow = Literal["labels", "requests", "predictions", "data"]
"""From rows of a dataset's version and their labels; from rows that a version of a model was asked,
and their truths; from the rows of a prediction; or from a dataset's version by means of the user's
own."""

MOST_SOURCES = 50
"""Sources of one version."""


class DatasetSource(Struct, frozen=True, omit_defaults=True):
    """A source of a version of a dataset: the `version` of a dataset, or of a model for requests.

    For predictions `name` is the session or experiment, and `version` the prediction.
    """

    how: MadeHow
    name: str
    version: str

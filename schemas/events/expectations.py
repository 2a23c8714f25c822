"""The event of what is expected of a dataset."""

from __future__ import annotations

from autolearn.schemas.datasets.rules import Expectations
from autolearn.schemas.messages import Event


class DatasetExpected(Event, frozen=True):
    """The expectations of the dataset are these: the change with that `number`, from 1."""

    number: int
    expectations: Expectations

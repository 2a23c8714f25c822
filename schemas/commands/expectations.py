"""The command that says what is expected of a dataset."""

from __future__ import annotations

from autolearn.schemas.datasets.rules import Expectations
from autolearn.schemas.messages import Command


class ExpectDataset(Command, frozen=True):
    """Say what is expected of a dataset, instead of what was before; no rules: nothing.

    It is the change with that `number`, from 1: after another change it is refused.
    """

    number: int
    expectations: Expectations

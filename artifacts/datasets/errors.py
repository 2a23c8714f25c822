"""The error of a file that cannot be a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from autolearn.schemas.bounds import LONGEST_TEXT, cut
from autolearn.schemas.datasets.rules import RuleOutcome
from autolearn.schemas.errors import AutoLearnError

_MOST = 20
"""Sentences about one file."""


class DatasetRefused(AutoLearnError):
    """The file cannot be used. Each of `sentences` names a fault, its place and the remedy."""

    title = "The file cannot be used as a dataset"

    def __init__(self, sentences: str | Sequence[str]) -> None:
        """Take one sentence, or several (never none); more than twenty are cut."""
        given = (sentences,) if isinstance(sentences, str) else tuple(sentences)
        self.sentences = tuple(cut(one, LONGEST_TEXT) for one in given[:_MOST])
        super().__init__(" ".join(self.sentences))


class ExpectationsFailed(DatasetRefused):
    """The data break hard rules of the dataset; `outcomes` are those."""

    title = "The data are not as expected"

    def __init__(self, outcomes: Sequence[RuleOutcome]) -> None:
        self.outcomes = tuple(outcomes)
        super().__init__([f"{one.rule}, but {one.found}" for one in outcomes])

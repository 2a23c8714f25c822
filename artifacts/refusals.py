"""Why a file is not taken as a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from autolearn.schemas.errors import AutoLearnError

__all__ = ["DatasetRefused"]


class DatasetRefused(AutoLearnError):
    """The file cannot be used. `sentences` say what is wrong, where, and what to do; one each."""

    title = "The file cannot be used as a dataset"

    def __init__(self, sentences: str | Sequence[str]) -> None:
        """Take one sentence, or several (never none)."""
        self.sentences = (sentences,) if isinstance(sentences, str) else tuple(sentences)
        super().__init__(" ".join(self.sentences))

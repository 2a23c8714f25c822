"""The error of an expression."""

from __future__ import annotations

from autolearn.ml.errors import InputError
from autolearn.schemas.bounds import cut


class ExpressionError(InputError):
    """An expression cannot be used, from a place in it on, counted from 1."""

    def __init__(self, text: str, place: int, why: str) -> None:
        super().__init__(
            f"the expression {cut(text)!r} is not right at character {place}: {why}",
            advice="docs/steps.md has the language of expressions.",
        )

"""The error of an expression."""

from __future__ import annotations

from autolearn.ml.errors import InputError
from autolearn.schemas.expressions.syntax import ExpressionFault


class ExpressionError(InputError):
    """An expression cannot be used with the columns of a table, or at all."""

    def __init__(self, fault: ExpressionFault) -> None:
        super().__init__(str(fault), advice="docs/steps.md has the language of expressions.")

"""Turns errors and warnings of libraries into sentences for people."""

from __future__ import annotations

import re

from autolearn.schemas.bounds import LONGEST_TEXT, cut

_SCALAR = re.compile(r"\b(?:np|numpy)\.(?!ndarray)\w+\(((?:'[^']*'|\"[^\"]*\"|[^()'\"])*)\)")
"""Numpy's form of one value, such as np.str_('a') or np.float64(1.0)."""
_ARRAY = re.compile(r"\barray\((\[.*?\])(?:,\s*dtype=[^()]*?)?\)", re.DOTALL)
_KEYWORD = re.compile(r"(?<![\w'\"])(None(?! of\b)|True|False)(?![\w'\"])")
_JSON_WORDS = {"None": "null", "True": "true", "False": "false"}

STOPPED = "the fit stopped before it had converged: give max_iter a higher value"
_ITERATIONS = re.compile(r"max_iter|iterations|did not converge|failed to converge", re.IGNORECASE)

_OURS = re.compile(
    r"\b(?:n_jobs|random_state|verbose|warm_start)\b.*(?:deprecat|removed|no effect)", re.S
)


def sentence(text: str) -> str:
    """Return a library's message without Python's forms of values."""
    while (plain := _SCALAR.sub(r"\1", text)) != text:
        text = plain
    text = _ARRAY.sub(r"\1", text)
    text = _KEYWORD.sub(lambda found: _JSON_WORDS[found[0]], text)
    return cut(" ".join(text.split()), LONGEST_TEXT)


def words_of(error: BaseException) -> str:
    """Return an error's message, or its name without one."""
    return sentence(str(error)) or type(error).__name__


def warning(category: type[Warning], text: str) -> str | None:
    """Return a warning's message for a user; None if it does not concern the user.

    A warning about a parameter that the system sets does not.
    """
    if issubclass(category, FutureWarning | DeprecationWarning) and _OURS.search(text):
        return None
    if category.__name__ == "ConvergenceWarning" and _ITERATIONS.search(text):
        return STOPPED
    return sentence(text)

"""What libraries say in errors and warnings, as sentences for people."""

from __future__ import annotations

import re

from autolearn.schemas.bounds import LONGEST_TEXT, cut

__all__ = ["STOPPED", "sentence", "warning", "words_of"]

SCALAR = re.compile(r"\b(?:np|numpy)\.(?!ndarray)\w+\(((?:'[^']*'|\"[^\"]*\"|[^()'\"])*)\)")
"""How numpy shows one value, such as np.str_('a') or np.float64(1.0)."""
ARRAY = re.compile(r"\barray\((\[.*?\])(?:,\s*dtype=[^()]*?)?\)", re.DOTALL)
KEYWORD = re.compile(r"(?<![\w'\"])(None(?! of\b)|True|False)(?![\w'\"])")
JSON_WORDS = {"None": "null", "True": "true", "False": "false"}

STOPPED = "the fit stopped before it had converged: give max_iter a higher value"
ITERATIONS = re.compile(r"max_iter|iterations|did not converge|failed to converge", re.IGNORECASE)

OURS = re.compile(
    r"\b(?:n_jobs|random_state|verbose|warm_start)\b.*(?:deprecat|removed|no effect)", re.S
)


def sentence(text: str) -> str:
    """Return the words of a library without the ways in which Python shows values."""
    while (plain := SCALAR.sub(r"\1", text)) != text:
        text = plain
    text = ARRAY.sub(r"\1", text)
    text = KEYWORD.sub(lambda found: JSON_WORDS[found[0]], text)
    return cut(" ".join(text.split()), LONGEST_TEXT)


def words_of(error: BaseException) -> str:
    """Return what an error says, or its name if it says nothing."""
    return sentence(str(error)) or type(error).__name__


def warning(category: type[Warning], text: str) -> str | None:
    """Return what a warning says to a user; None if it is not the user's.

    It is not if it is about a parameter that the system sets, which is not on offer.
    """
    if issubclass(category, FutureWarning | DeprecationWarning) and OURS.search(text):
        return None
    if category.__name__ == "ConvergenceWarning" and ITERATIONS.search(text):
        return STOPPED
    return sentence(text)
